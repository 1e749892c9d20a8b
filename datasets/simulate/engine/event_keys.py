"""Keys of simulated events: numbers by which splits, shuffles and merges know them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def keys(seed: int, stream: int, shard: int, rows: int) -> NDArray[np.uint64]:
    """Return unique event keys (rows,): splitmix64 of the row's number, displaced by seed and stream.

    The mixing is one-to-one, so keys of one seed and stream never collide below 2^32 rows a shard.
    """
    with np.errstate(over="ignore"):
        offset = splitmix64(splitmix64(np.uint64(seed % 2**64)) ^ np.uint64(stream))
        mixed: NDArray[np.uint64] = splitmix64(np.arange(rows, dtype=np.uint64) + np.uint64(shard << 32) + offset)
    return mixed


def splitmix64(value: Any) -> Any:
    """Mix 64-bit numbers one-to-one (G. Steele, D. Lea, C. Flood, doi:10.1145/2660193.2660195)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
