"""Simulated track states that begin as tracks of a file do."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.core.types import NonNegative, Positive, Rows
from app.physics.magnetic_field import FIELDS
from datasets import SIMULATORS
from datasets.simulate.tracks.generator import VERSION, TrackGenerator
from datasets.simulate.tracks.resampling import Resampling


@SIMULATORS("resampled_tracks", version=VERSION)
def resampled_tracks(
    out: Path,
    *,
    like: str,
    field: FIELDS.spec,
    tracks: Rows,
    shard_size: Rows = 500_000,
    smear: NonNegative = 1.0,
    accuracy: Positive = 1e-4,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> None:
    """Tracks through a magnet that begin as those of a file do, where independent ranges would not look like the data.

    Each track is one of the file's, moved by a normal combination of the ways to its nearest neighbours of the same
    charge: distributions and correlations stay those of the file, within the ranges of its columns. Tracks that leave
    the region in which the field is known are rejected and counted. The shards are those of `track_states`.

    Args:
        out: folder of the shards.
        like: npz with `X` (N, 6) = x, y [mm], tx, ty, q/p [1/GeV], dz [mm] and `Z` (N, 2) = z_start, z_end [mm]; or
            what `wirechamber fit-field` wrote, which holds the start states of the tracks that it fitted.
        field: the magnetic field.
        tracks: total number of accepted tracks.
        shard_size: accepted tracks per shard; one shard is held in memory.
        smear: how far tracks are moved, 1 for the distance of their neighbours, 0 for not at all.
        accuracy: largest position error [mm] that the number of steps is chosen for.
        seed: of the random numbers.

    Raises:
        UserError: no such file, a file without start states, no track that passes, a folder with other shards.
        NotWritten: the disk is full, or the folder cannot be written.
    """
    sampling = Resampling.of_file(like, smear)
    TrackGenerator(int(seed), shard_size, sampling, FIELDS.parse(field), accuracy).generate(out, tracks)
