"""Simulated track states before and after a magnet."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.types import Positive, PositiveRange, Range, Rows
from app.physics.magnetic_field import FIELDS
from datasets import SIMULATORS
from datasets.simulate.tracks.generator import VERSION, TrackGenerator
from datasets.simulate.tracks.sampling import Sampling

Z_END = 7826.0
"""Where tracks end unless the options say otherwise [mm]."""


@SIMULATORS("track_states", version=VERSION)
def track_states(
    out: Path,
    *,
    tracks: Rows,
    shard_size: Rows = 500_000,
    momentum: PositiveRange = (2.0, 100.0),
    x: Range = (-300.0, 300.0),
    y: Range = (-250.0, 250.0),
    tx: Range = (-0.3, 0.3),
    ty: Range = (-0.25, 0.25),
    z_start: float | Range = 2665.0,
    z_end: float | None = None,
    dz: float | Range | None = None,
    field: FIELDS.spec = "gaussian_dipole",
    accuracy: Positive = 1e-4,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> None:
    """Tracks through a magnet: states before and after, by Runge-Kutta integration of the Lorentz equation.

    Each shard `shard_00000.npz`, ... holds float32 `X` (N, 6) = x, y [mm], tx, ty, q/p [1/GeV], dz [mm]; `Y` (N, 4) =
    x, y, tx, ty at z_start + dz; `P` (N,) [GeV]; `Z` (N, 2) = z_start, z_end [mm]; `key` (N,) uint64; and `metadata`, a
    JSON string. The content of shard i depends on (seed, i, options) alone: an interrupted generation continues where
    it stopped. Tracks that end beyond |x|, |y| = 5 m or |slope| = 2 or are not finite are rejected and counted.

    Args:
        out: folder of the shards.
        tracks: total number of accepted tracks.
        shard_size: accepted tracks per shard; one shard is held in memory.
        momentum: range of the momentum [GeV], log-uniform.
        x: range of the horizontal position [mm].
        y: range of the vertical position [mm].
        tx: range of the horizontal slope.
        ty: range of the vertical slope.
        z_start: where tracks begin [mm], a number or a range; with a range z_start must be a feature of the model.
        z_end: where all tracks end [mm]; 7826 unless dz is given.
        dz: their length in z [mm] instead of z_end, a number or a range; negative lengths go backward.
        field: the magnetic field.
        accuracy: largest position error [mm] that the number of steps is chosen for.
        seed: of the random numbers.

    Raises:
        UserError: contradicting options, a momentum bin from which no track survives, a folder with other shards.
        NotWritten: the disk is full, or the folder cannot be written.
    """
    if z_end is not None and dz is not None:
        raise UserError(Problem("both z_end and dz are given", ("dz",), expected="one of them", received=dz))
    z_end = Z_END if z_end is None and dz is None else z_end
    sampling = Sampling(momentum, x, y, tx, ty, z_start, z_end, dz)
    TrackGenerator(int(seed), shard_size, sampling, FIELDS.parse(field), accuracy).generate(out, tracks)
