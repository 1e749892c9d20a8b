"""Mean and standard deviation of data that come in blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

SMALLEST_SPREAD = 1e-6


def moments(blocks: Iterable[np.ndarray[Any, Any]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return mean and standard deviation over the first axis of all blocks, merged pairwise in float64.

    A standard deviation below 1e-6 of the mean's size is raised to that (a constant column must not divide by zero, and
    must not pretend to a spread of 1 either).

    References:
        T. F. Chan, G. H. Golub, R. J. LeVeque, Updating formulae and a pairwise algorithm for computing sample
        variances, Stanford STAN-CS-79-773 (1979).
    """
    rows, mean, squares = 0, np.zeros(()), np.zeros(())
    for block in blocks:
        values = np.asarray(block, np.float64)
        n, m = len(values), values.mean(axis=0)
        shift = m - mean
        squares = squares + ((values - m) ** 2).sum(axis=0) + shift**2 * rows * n / (rows + n)
        mean = mean + shift * n / (rows + n)
        rows += n
    floor = SMALLEST_SPREAD * np.maximum(np.abs(mean), SMALLEST_SPREAD)
    return mean, np.maximum(np.sqrt(squares / rows), floor)
