"""Simulated track states: what goes into a magnet, and what comes out of it."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.types import Count, Positive, PositiveRange, Range
from app.physics.magnetic_field import FIELDS
from app.physics.propagation import Propagated, Propagator, steps_for, survives
from datasets import SIMULATORS
from datasets.files.shards import write_shard
from datasets.simulate._track_sampling import Interval, Sampling, Tracks
from datasets.simulate.engine.generator import Generator
from datasets.simulate.engine.random_streams import event_keys

log = logging.getLogger(__name__)

VERSION = 1
Z_END = 7826.0
SAMPLE = 1024
"""Tracks per momentum bin on which the number of steps and the survival are tried."""
LEAST_SURVIVAL = 0.01
"""Share of a momentum bin's tracks that must pass the magnet; with less the bin is as good as empty."""
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
    tracks: Count,
    shard_size: Count = 500_000,
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
        tracks: accepted tracks in all.
        shard_size: accepted tracks per shard; a shard is what is held in memory.
        momentum: range of the momentum [GeV], log-uniform.
        x: range of the horizontal position [mm].
        y: range of the vertical position [mm].
        tx: range of the horizontal slope.
        ty: range of the vertical slope.
        z_start: where tracks begin [mm], a number or a range; with a range z_start must be a feature of the model.
        z_end: where all of them end [mm]; 7826 unless dz is given.
        dz: how far they go [mm] instead of z_end, a number or a range; negative goes backward.
        field: the magnetic field.
        accuracy: largest position error [mm] that the number of steps is chosen for.
        seed: of the random numbers.

    Raises:
        UserError: contradicting options, a momentum bin from which no track survives, a folder with other shards.
        NotWritten: the disk is full, or the folder cannot be written.
    """
    sampling = Sampling(momentum, x, y, tx, ty, z_start, _z_end(z_end, dz), dz)
    _Generator(int(seed), shard_size, sampling, FIELDS.parse(field), accuracy).generate(out, tracks)


def _z_end(z_end: float | None, dz: float | Interval | None) -> float | None:
    if z_end is not None and dz is not None:
        raise UserError(Problem("both z_end and dz are given", ("dz",), expected="one of them", received=dz))
    return Z_END if z_end is None and dz is None else z_end


@dataclass(frozen=True)
class _Generator(Generator):
    dataset, version, units, rows_are = "track_states", VERSION, UNITS, "tracks"

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
        """How many Runge-Kutta steps the sample needs."""
        every = Tracks.concatenate(self.sample)
        return steps_for(self.propagator, every.state, every.qop, *self.along(every), self.accuracy)

    def prepare(self) -> None:
        """Find the number of steps, and refuse bins without survivors."""
        for interval, tracks in zip(self.sampling.bins(), self.sample, strict=True):
            self.check(interval, survives(self.end(tracks).state))
        log.info("%d Runge-Kutta steps keep the position error below %g mm", self.steps, self.accuracy)

    def check(self, interval: Interval, survived: NDArray[np.bool_]) -> None:
        """Refuse a momentum bin from which (almost) nothing comes out of the magnet."""
        if survived.mean() < LEAST_SURVIVAL:
            low, high = interval
            what = f"{survived.sum()} of {SAMPLE} tracks from {low:g} to {high:g} GeV survive, the bin would be empty"
            expected = f"a range of which more than {LEAST_SURVIVAL:.0%} survives in every bin"
            raise UserError(Problem(what, ("momentum",), expected=expected, received=self.sampling.momentum))

    def along(self, tracks: Tracks) -> tuple[Any, Any]:
        """Return z_start and dz, as two numbers when all tracks share them: the field is then computed once for all."""
        return (tracks.z_start[0], tracks.dz[0]) if self.sampling.one_z else (tracks.z_start, tracks.dz)

    def end(self, tracks: Tracks) -> Propagated:
        """Return the states at the end and which tracks left the field map."""
        return self.propagator(tracks.state, tracks.qop, *self.along(tracks), self.steps)

    def options(self) -> dict[str, Any]:
        """Return all of the sampling, and the accuracy; not the number of steps, which rounding may change by one."""
        return asdict(self.sampling) | {"accuracy": self.accuracy}

    def metadata_fields(self) -> dict[str, Any]:
        """Return the field, and between which planes tracks go."""
        return {
            "field": self.field.dump(),
            "field_sha256": getattr(self.propagator.field, "sha256", None),
            "z_start": self.sampling.z_start,
            "z_end": self.sampling.z_end,
            "dz": self.sampling.dz,
        }

    def seed_options(self) -> dict[str, Any]:
        """Return the sampling alone: the same tracks may be followed through another field, or more accurately."""
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
        """Return `rows` tracks that come out of the magnet, and how many of which did not."""
        random = np.random.default_rng([self.seed, shard, self.stream()])
        kept, ends, counts, accepted = [], [], _Counts(self.sampling.bins()), 0
        while accepted < rows:
            tracks = self.sampling.draw(random, BATCH)
            end, outside = self.end(tracks)
            used = _up_to(survives(end), rows - accepted)
            tracks, end, good = tracks.take(used), end[used], survives(end[used])
            counts.add(tracks, end, good, outside[used])
            kept.append(tracks.take(good))
            ends.append(end[good].astype(np.float32))
            accepted += int(good.sum())
        return _arrays(Tracks.concatenate(kept), np.concatenate(ends)), counts.facts()


def _up_to(good: NDArray[np.bool_], wanted: int) -> slice:
    """Return the tracks up to and including the `wanted`-th good one."""
    places = np.flatnonzero(good)
    return slice(0, len(good) if len(places) < wanted else int(places[wanted - 1]) + 1)


def _arrays(tracks: Tracks, end: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    inputs = np.column_stack([tracks.state, tracks.qop, tracks.dz])
    return {"X": inputs, "Y": end, "P": tracks.p, "Z": np.column_stack([tracks.z_start, tracks.z_end])}


class _Counts:
    """How many tracks were tried, why some were rejected, and how many survived in each momentum bin."""

    def __init__(self, bins: list[Interval]) -> None:
        self.bins, self.total = bins, Counter[str]()
        self.tried, self.survived = np.zeros(len(bins), int), np.zeros(len(bins), int)

    def add(self, tracks: Tracks, end: NDArray[Any], good: NDArray[np.bool_], outside: NDArray[np.bool_]) -> None:
        """Count one batch."""
        finite = np.isfinite(end).all(axis=1)
        position = finite & (np.abs(end[:, :2]) > 5000.0).any(axis=1)
        self.total += Counter(
            tried=len(good), not_finite=int((~finite).sum()), position=int(position.sum()),
            slope=int((finite & ~position & ~good).sum()), outside=int((outside & good).sum()),
        )  # fmt: skip
        edges = np.array([low for low, _ in self.bins[1:]], np.float32)
        place = np.searchsorted(edges, tracks.p, side="right")
        self.tried += np.bincount(place, minlength=len(self.bins))
        self.survived += np.bincount(place[good], minlength=len(self.bins))

    def facts(self) -> dict[str, Any]:
        """Return the counts as metadata."""
        rows = zip(self.bins, self.tried.tolist(), self.survived.tolist(), strict=True)
        return {
            "tried": self.total["tried"],
            "rejected": {name: self.total[name] for name in ("not_finite", "position", "slope")},
            "outside_field_map": self.total["outside"],
            "momentum_bins": [{"range": list(b), "tried": tried, "survived": survived} for b, tried, survived in rows],
        }
