"""Tracks through a magnet as shards: sampled, propagated by Runge-Kutta, those that do not pass rejected."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.physics.magnetic_field import beyond
from app.physics.propagation import Propagated, Propagator, steps_for, survives
from datasets.files.shards import write_shard
from datasets.simulate.engine.generator import Generator
from datasets.simulate.engine.random_streams import event_keys
from datasets.simulate.tracks.propagation import CompiledPropagator, propagator_of
from datasets.simulate.tracks.sampling import Interval, SurvivalCounts, Tracks

log = logging.getLogger(__name__)

VERSION = 1
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


class Sampler(Protocol):
    """Where tracks begin, and with which momentum.

    Attributes:
        stays_inside: whether tracks that leave the known region of the field are rejected.
        place: the option that chooses the momenta, for errors.
    """

    stays_inside: ClassVar[bool]
    place: ClassVar[str]

    @property
    def shares_z(self) -> bool:
        """Whether all tracks share z_start and dz."""

    def draw(self, random: np.random.Generator, count: int, momentum: Interval | None = None) -> Tracks:
        """Draw tracks, of a momentum bin where one is given."""

    def bins(self) -> list[Interval]:
        """Return the momentum bins [GeV]."""

    def options(self) -> dict[str, Any]:
        """Return what the tracks depend on, as JSON."""

    def planes(self) -> dict[str, Any]:
        """Return z_start, z_end and dz for the metadata."""


@dataclass(frozen=True)
class TrackGenerator(Generator):
    """Shards of tracks in a field, whose number of steps keeps the position error below `accuracy` [mm]."""

    dataset, version, units, row_name = "track_states", VERSION, UNITS, "tracks"

    sampling: Sampler
    field: Any
    accuracy: float

    @cached_property
    def propagator(self) -> CompiledPropagator | Propagator:
        """RK4 in the field."""
        try:
            return propagator_of(self.field.build())
        except UserError as error:
            raise error.under("field") from None

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
                what, received = f"{count}, the bin would be empty", self.sampling.options()[self.sampling.place]
                raise UserError(Problem(what, (self.sampling.place,), expected=expected, received=received))
        log.info("%d Runge-Kutta steps keep the position error below %g mm", self.steps, self.accuracy)

    def z_range(self, tracks: Tracks) -> tuple[Any, Any]:
        """Return z_start and dz, as two numbers when all tracks share them: the field is then computed only once."""
        return (tracks.z_start[0], tracks.dz[0]) if self.sampling.shares_z else (tracks.z_start, tracks.dz)

    def propagate(self, tracks: Tracks) -> Propagated:
        """Return the states at the end and which tracks left where the field is known."""
        return self.propagator(tracks.state, tracks.qop, *self.z_range(tracks), self.steps)

    def options(self) -> dict[str, Any]:
        """Return all of the sampling, and the accuracy; not the number of steps, which rounding may change by one."""
        return self.sampling.options() | {"accuracy": self.accuracy}

    def metadata_fields(self) -> dict[str, Any]:
        """Return the field, and the planes between which tracks go."""
        return {
            "field": self.field.dump(),
            "field_sha256": getattr(self.propagator.field, "sha256", None),
            **self.sampling.planes(),
        }

    def seed_options(self) -> dict[str, Any]:
        """Return the sampling alone: the same tracks may be propagated in another field, or more accurately."""
        return self.sampling.options() | {"shard_size": self.shard_size}

    def write(self, path: Path, shard: int, rows: int, metadata: dict[str, Any]) -> None:
        """Make one shard with `rows` accepted tracks."""
        arrays, counts = self.accepted(shard, rows)
        if counts["outside_field_map"] and not self.sampling.stays_inside:
            lost = counts["outside_field_map"]
            log.warning("%d of %d tracks %s", lost, rows, beyond(self.propagator.field))
        key = event_keys(self.seed, self.stream(), shard, rows)
        write_shard(path, arrays | {"key": key}, metadata | {"steps": self.steps} | counts)

    def accepted(self, shard: int, rows: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return arrays of `rows` tracks that pass the magnet, and metadata that count those that do not."""
        random = np.random.default_rng([self.seed, shard, self.stream()])
        kept, ends, counts, accepted = [], [], SurvivalCounts(self.sampling.bins()), 0
        while accepted < rows:
            tracks = self.sampling.draw(random, BATCH)
            end, outside = self.propagate(tracks)
            good = survives(end) & ~(outside & self.sampling.stays_inside)
            wanted = rows - accepted
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
