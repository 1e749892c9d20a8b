"""Simulated tracks at their beginning: ranges of position, slope, momentum and z; counts of those that survive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.propagation import survives

Interval = tuple[float, float]
Float32 = NDArray[np.float32]

MOMENTUM_EDGES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Edges of the momentum bins [GeV] in which survivors are counted."""


class Tracks(NamedTuple):
    """N tracks at their beginning, float32: state (N, 4) [mm, mm, 1, 1], qop [1/GeV], p [GeV], z_start, z_end [mm]."""

    state: Float32
    qop: Float32
    p: Float32
    z_start: Float32
    z_end: Float32

    @property
    def dz(self) -> Float32:
        """Length of each track in z [mm]."""
        return self.z_end - self.z_start

    def take(self, rows: Any) -> Tracks:
        """Return the chosen tracks."""
        return Tracks(*(values[rows] for values in self))

    @staticmethod
    def concatenate(parts: Sequence[Tracks]) -> Tracks:
        """Join tracks in order."""
        return Tracks(*(np.concatenate(values) for values in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Sampling:
    """Uniform in position, slope and z, log-uniform in momentum, charges with equal probability; mm and GeV."""

    momentum: Interval
    x: Interval
    y: Interval
    tx: Interval
    ty: Interval
    z_start: float | Interval
    z_end: float | None
    dz: float | Interval | None

    stays_inside: ClassVar[bool] = False
    place: ClassVar[str] = "momentum"

    @property
    def shares_z(self) -> bool:
        """Whether all tracks share z_start and dz."""
        return not isinstance(self.z_start, tuple) and not isinstance(self.dz, tuple)

    def draw(self, random: np.random.Generator, count: int, momentum: Interval | None = None) -> Tracks:
        """Draw `count` tracks, rounded to float32 at once, so that the stored tracks are the propagated ones."""
        state = [draw_uniform(random, interval, count) for interval in (self.x, self.y, self.tx, self.ty)]
        low, high = momentum or self.momentum
        p: Float32 = np.exp(random.uniform(np.log(low), np.log(high), count)).astype(np.float32)
        charge: Float32 = random.choice(np.array([-1, 1], np.float32), count)
        z_start = draw_uniform(random, self.z_start, count)
        shift = np.float32(0) if self.z_end is not None else z_start
        z_end = shift + draw_uniform(random, self.dz if self.z_end is None else self.z_end, count)
        return Tracks(np.stack(state, axis=1), charge / p, p, z_start, z_end)

    def options(self) -> dict[str, Any]:
        """Return all of it, as JSON."""
        return asdict(self)

    def planes(self) -> dict[str, Any]:
        """Return z_start, z_end and dz for the metadata."""
        return {"z_start": self.z_start, "z_end": self.z_end, "dz": self.dz}

    def bins(self) -> list[Interval]:
        """Return the momentum bins within the range, clipped to it; the range itself when no edge lies in it."""
        low, high = self.momentum
        edges = [low, *(edge for edge in MOMENTUM_EDGES if low < edge < high), high]
        return list(pairwise(edges))


def draw_uniform(random: np.random.Generator, value: float | Interval | None, count: int) -> Float32:
    """Return `count` uniform numbers of a range, or the number `value` so many times."""
    if isinstance(value, tuple):
        return random.uniform(*value, count).astype(np.float32)
    return np.full(count, value, np.float32)


class SurvivalCounts:
    """Numbers of tracks that were tried, that were rejected by reason, and that survived in each momentum bin."""

    def __init__(self, bins: list[Interval]) -> None:
        self.bins, self.total = bins, Counter[str]()
        self.tried, self.survived = np.zeros(len(bins), int), np.zeros(len(bins), int)

    def add(self, tracks: Tracks, end: NDArray[Any], good: NDArray[np.bool_], outside: NDArray[np.bool_]) -> None:
        """Count one batch."""
        finite = np.isfinite(end).all(axis=1)
        position = finite & (np.abs(end[:, :2]) > 5000.0).any(axis=1)
        slope = finite & ~position & ~survives(end)
        self.total += Counter(
            tried=len(good), not_finite=int((~finite).sum()), position=int(position.sum()), slope=int(slope.sum()),
            outside=int((outside & finite & ~position & ~slope).sum()),
        )  # fmt: skip
        edges = np.array([low for low, _ in self.bins[1:]], np.float32)
        place = np.searchsorted(edges, tracks.p, side="right")
        self.tried += np.bincount(place, minlength=len(self.bins))
        self.survived += np.bincount(place[good], minlength=len(self.bins))

    def metadata(self) -> dict[str, Any]:
        """Return the counts as metadata."""
        rows = zip(self.bins, self.tried.tolist(), self.survived.tolist(), strict=True)
        return {
            "tried": self.total["tried"],
            "rejected": {name: self.total[name] for name in ("not_finite", "position", "slope")},
            "outside_field_map": self.total["outside"],
            "momentum_bins": [{"range": list(b), "tried": tried, "survived": survived} for b, tried, survived in rows],
        }
