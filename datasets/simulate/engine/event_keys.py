"""Keys of simulated events: numbers by which splits, shuffles and merges know them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.event_keys import mix


def keys(seed: int, stream: int, shard: int, rows: int) -> NDArray[np.uint64]:
    """Return unique event keys (rows,): splitmix64 of the row's number, displaced by seed and stream.

    The mixing is one-to-one, so keys of one seed and stream never collide below 2^32 rows a shard.
    """
    with np.errstate(over="ignore"):
        start = np.full(1, seed % 2**64, np.uint64)
        offset = mix(mix(start, 0) ^ np.uint64(stream), 0)
        return mix(np.arange(rows, dtype=np.uint64) + np.uint64(shard << 32) + offset, 0)
