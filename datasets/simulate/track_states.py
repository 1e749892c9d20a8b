"""Simulated track states before and after a magnet."""

import logging
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.types import Positive, PositiveRange, Range, Rows
from app.physics.magnetic_field import FIELDS
from app.physics.propagation import Propagated, Propagator, steps_for, survives
from datasets import SIMULATORS
from datasets.files.shards import write_shard
from datasets.simulate.engine.generator import Generator
from datasets.simulate.engine.random_streams import event_keys
from datasets.simulate.tracks.sampling import Sampling, SurvivalCounts, Tracks

log = logging.getLogger(__name__)

VERSION = 1
Z_END = 7826.0
"""Where tracks end unless the options say otherwise [mm]."""
SAMPLE = 1024
"""Tracks per momentum bin by which the number of steps and the survival are determined."""
MIN_SURVIVAL = 0.01
"""Share of a momentum bin's tracks that must pass the magnet; with less the bin would be almost empty."""
BATCH = 65536
UNITS = {
    "X": ["mm", "mm", "1", "1", "1/GeV", "mm"],
    "Y": ["mm", "mm", "1", "1"],
    "P": "GeV",
    "Z": ["mm", "mm"],
}


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
    _Generator(int(seed), shard_size, sampling, FIELDS.parse(field), accuracy).generate(out, tracks)


@dataclass(frozen=True)
class _Generator(Generator):
    dataset, version, units, row_name = "track_states", VERSION, UNITS, "tracks"

    sampling: Sampling
    field: Any
    accuracy: float

    @cached_property
    def propagator(self) -> Propagator:
        """RK4 in the field."""
        return Propagator(self.field.build())

    @cached_property
    def sample(self) -> list[Tracks]:
        """Tracks of each momentum bin, which do not depend on the seed."""
        random = np.random.default_rng(0)
        return [self.sampling.draw(random, SAMPLE, interval) for interval in self.sampling.bins()]

    @cached_property
    def steps(self) -> int:
        """The number of Runge-Kutta steps that the sample needs."""
        tracks = Tracks.concatenate(self.sample)
        return steps_for(self.propagator, tracks.state, tracks.qop, *self.z_range(tracks), self.accuracy)

    def prepare(self) -> None:
        """Determine the number of steps, and refuse momentum bins of which (almost) no track passes the magnet."""
        for (low, high), tracks in zip(self.sampling.bins(), self.sample, strict=True):
            survived = survives(self.propagate(tracks).state)
            if survived.mean() < MIN_SURVIVAL:
                count = f"{survived.sum()} of {SAMPLE} tracks from {low:g} to {high:g} GeV survive"
                expected = f"a range of which more than {MIN_SURVIVAL:.0%} survives in every bin"
                what, received = f"{count}, the bin would be empty", self.sampling.momentum
                raise UserError(Problem(what, ("momentum",), expected=expected, received=received))
        log.info("%d Runge-Kutta steps keep the position error below %g mm", self.steps, self.accuracy)

    def z_range(self, tracks: Tracks) -> tuple[Any, Any]:
        """Return z_start and dz, as two numbers when all tracks share them: the field is then computed only once."""
        return (tracks.z_start[0], tracks.dz[0]) if self.sampling.shares_z else (tracks.z_start, tracks.dz)

    def propagate(self, tracks: Tracks) -> Propagated:
        """Return the states at the end and which tracks left the field map."""
        return self.propagator(tracks.state, tracks.qop, *self.z_range(tracks), self.steps)

    def options(self) -> dict[str, Any]:
        """Return all of the sampling, and the accuracy; not the number of steps, which rounding may change by one."""
        return asdict(self.sampling) | {"accuracy": self.accuracy}

    def metadata_fields(self) -> dict[str, Any]:
        """Return the field, and the planes between which tracks go."""
        return {
            "field": self.field.dump(),
            "field_sha256": getattr(self.propagator.field, "sha256", None),
            "z_start": self.sampling.z_start,
            "z_end": self.sampling.z_end,
            "dz": self.sampling.dz,
        }

    def seed_options(self) -> dict[str, Any]:
        """Return the sampling alone: the same tracks may be propagated in another field, or more accurately."""
        return asdict(self.sampling) | {"shard_size": self.shard_size}

    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Make one shard with `rows` accepted tracks."""
        arrays, counts = self.accepted(shard, rows)
        if counts["outside_field_map"]:
            lost = counts["outside_field_map"]
            log.warning("%d of %d tracks left the field map, the field is zero there", lost, rows)
        key = event_keys(self.seed, self.stream(), shard, rows)
        write_shard(path, arrays | {"key": key}, metadata | {"steps": self.steps} | counts)

    def accepted(self, shard: int, rows: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return arrays of `rows` tracks that pass the magnet, and metadata that count those that do not."""
        random = np.random.default_rng([self.seed, shard, self.stream()])
        kept, ends, counts, accepted = [], [], SurvivalCounts(self.sampling.bins()), 0
        while accepted < rows:
            tracks = self.sampling.draw(random, BATCH)
            end, outside = self.propagate(tracks)
            good, wanted = survives(end), rows - accepted
            accepted_rows = np.flatnonzero(good)
            used = slice(0, len(good) if len(accepted_rows) < wanted else int(accepted_rows[wanted - 1]) + 1)
            tracks, end, good = tracks.take(used), end[used], good[used]
            counts.add(tracks, end, good, outside[used])
            kept.append(tracks.take(good))
            ends.append(end[good].astype(np.float32))
            accepted += int(good.sum())
        tracks = Tracks.concatenate(kept)
        inputs = np.column_stack([tracks.state, tracks.qop, tracks.dz])
        planes = np.column_stack([tracks.z_start, tracks.z_end])
        return {"X": inputs, "Y": np.concatenate(ends), "P": tracks.p, "Z": planes}, counts.metadata()
