"""Keys of events, and random numbers for arrays: each element has a stream of its own, whatever is computed with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.event_keys import GOLDEN, mix

Floats = NDArray[np.float64]

STEP = np.uint64(GOLDEN)


def event_keys(seed: int, stream: int, shard: int, rows: int) -> NDArray[np.uint64]:
    """Return unique keys (rows,) by which splits, shuffles and merges know events.

    They are the mixed numbers of the rows, displaced by seed and stream. The mixing is one-to-one, so keys of one seed
    and stream never collide below 2^32 rows a shard.
    """
    with np.errstate(over="ignore"):
        offset = mix(mix(np.full(1, seed % 2**64, np.uint64), 0) ^ np.uint64(stream), 0)
        return mix(np.arange(rows, dtype=np.uint64) + np.uint64(shard << 32) + offset, 0)


class Streams:
    """Streams of splitmix64, one for each of N seeds; every draw advances all of them by one.

    Args:
        seeds: (N,) uint64, such as event keys.

    References:
        See `datasets.pipeline.event_keys.scramble`.
    """

    def __init__(self, seeds: NDArray[np.uint64]) -> None:
        self.state = seeds.astype(np.uint64)

    def child(self, index: Any) -> Streams:
        """Return independent streams for a part of each element, distinguished by `index`, a number or (N,).

        What is drawn from a child does not depend on what was drawn from its parent's other children.
        """
        number = np.asarray(index).astype(np.uint64)
        with np.errstate(over="ignore"):
            return Streams(mix(mix(self.state, 0) ^ mix(number * STEP + np.uint64(1), 0), 0))

    def take(self, rows: Any) -> Streams:
        """Return copies of the chosen streams; a row that is chosen twice gives the same numbers twice."""
        return Streams(self.state[rows])

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Floats:
        """Return (N,) uniform numbers, neither end included."""
        with np.errstate(over="ignore"):
            value = mix(self.state, 0)
            self.state = self.state + STEP
        unit = ((value >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        return low + (high - low) * unit

    def normal(self) -> Floats:
        """Return (N,) standard normal numbers (Box and Muller)."""
        radius = np.sqrt(-2.0 * np.log(self.uniform()))
        return np.asarray(radius * np.cos(2.0 * np.pi * self.uniform()))

    def exponential(self) -> Floats:
        """Return (N,) exponential numbers of mean 1."""
        return -np.log(self.uniform())

    def poisson(self, mean: float) -> NDArray[np.int64]:
        """Return (N,) Poisson numbers: a uniform number looked up in the cumulative distribution."""
        most = int(mean + 12.0 * np.sqrt(mean) + 30.0)
        terms = np.concatenate([[0.0], np.log(max(mean, 1e-300)) - np.log(np.arange(1, most + 1))])
        cumulative = np.cumsum(np.exp(np.cumsum(terms) - mean))
        return np.searchsorted(cumulative, self.uniform()).astype(np.int64)
