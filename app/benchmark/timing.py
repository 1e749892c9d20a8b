"""How long a call takes, and how fast the machine multiplies matrices."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.core.libraries import tf

MOST_SECONDS, FEWEST, LONGEST = 10.0, 5, 60.0
"""A measurement stops after so long when it has so many figures, and after the longest time with fewer: large batches
of large networks take minutes else, and some graphs that XLA compiles take hours."""
MATRIX = 2048


@dataclass(frozen=True)
class Timing:
    """Seconds of one call.

    Attributes:
        median: over the iterations.
        quantile_95: 95 % of the iterations took no longer.
        iterations: how many were measured.
    """

    median: float
    quantile_95: float
    iterations: int

    def of(self, rows: int) -> dict[str, Any]:
        """Return the figures with the throughput [events/s] of calls with so many rows."""
        return {**asdict(self), "throughput": rows / self.median}


def timed(call: Callable[[], object], warmup: int, iterations: int) -> Timing:
    """Measure a call after calls that are not measured: the first ones compile and fill caches."""
    spent = 0.0
    for _ in range(warmup):
        spent += _seconds(call)
        if spent > MOST_SECONDS:
            break
    seconds = [_seconds(call)]
    while len(seconds) < iterations and sum(seconds) < (MOST_SECONDS if len(seconds) >= FEWEST else LONGEST):
        seconds.append(_seconds(call))
    return Timing(float(np.median(seconds)), float(np.quantile(seconds, 0.95)), len(seconds))


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def matmul_peak(device: str) -> float:
    """Return the floating-point operations per second of a product of two matrices in float32: the best of ten."""
    with tf.device(device):
        one = tf.random.normal((MATRIX, MATRIX))
        product = tf.function(lambda a: tf.reduce_sum(a @ a))
        product(one).numpy()
        fastest = min(_seconds(lambda: product(one).numpy()) for _ in range(10))
    return float(2 * MATRIX**3 / fastest)
