"""Where simulated tracks begin: ranges of position, slope, momentum and z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
        """How far each track goes [mm]."""
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
    """Uniform in position, slope and z, log-uniform in momentum, both charges alike. Lengths in mm, momentum in GeV."""

    momentum: Interval
    x: Interval
    y: Interval
    tx: Interval
    ty: Interval
    z_start: float | Interval
    z_end: float | None
    dz: float | Interval | None

    @property
    def one_z(self) -> bool:
        """Whether all tracks share z_start and dz."""
        return not isinstance(self.z_start, tuple) and not isinstance(self.dz, tuple)

    def draw(self, random: np.random.Generator, count: int, momentum: Interval | None = None) -> Tracks:
        """Draw `count` tracks, rounded to float32 before all else, so that what is stored is what is propagated."""
        state = [_drawn(random, interval, count) for interval in (self.x, self.y, self.tx, self.ty)]
        low, high = momentum or self.momentum
        p: Float32 = np.exp(random.uniform(np.log(low), np.log(high), count)).astype(np.float32)
        charge: Float32 = random.choice(np.array([-1, 1], np.float32), count)
        z_start = _drawn(random, self.z_start, count)
        shift = np.float32(0) if self.z_end is not None else z_start
        z_end = shift + _drawn(random, self.dz if self.z_end is None else self.z_end, count)
        return Tracks(np.stack(state, axis=1), charge / p, p, z_start, z_end)

    def bins(self) -> list[Interval]:
        """Return the momentum bins that the asked range touches, clipped to it; one bin when it touches none."""
        low, high = self.momentum
        edges = [low, *(edge for edge in MOMENTUM_EDGES if low < edge < high), high]
        return list(pairwise(edges))


def _drawn(random: np.random.Generator, value: float | Interval | None, count: int) -> Float32:
    if isinstance(value, tuple):
        return random.uniform(*value, count).astype(np.float32)
    return np.full(count, value, np.float32)
