"""Mean and standard deviation of data that come in blocks."""

from collections.abc import Iterable
from typing import Any

import numpy as np

SMALLEST_SPREAD = 1e-6


class Moments:
    """Number of rows, mean and spread of all blocks added so far.

    References:
        T. F. Chan, G. H. Golub, R. J. LeVeque, Updating formulae and a pairwise algorithm for computing sample
        variances, Stanford STAN-CS-79-773 (1979).
    """

    def __init__(self) -> None:
        self.rows, self.mean, self.squares = 0, np.zeros(()), np.zeros(())

    def add(self, block: np.ndarray[Any, Any]) -> None:
        """Merge a block, in float64; one without rows changes nothing."""
        values = np.asarray(block, np.float64)
        n = len(values)
        if not n:
            return
        m = values.mean(axis=0)
        shift = m - self.mean
        self.squares = self.squares + ((values - m) ** 2).sum(axis=0) + shift**2 * self.rows * n / (self.rows + n)
        self.mean = self.mean + shift * n / (self.rows + n)
        self.rows += n

    @property
    def std(self) -> np.ndarray[Any, Any]:
        """The standard deviation, at least 1e-6 of the mean's size.

        A constant column must not divide by zero, and must not pretend to a spread of 1 either.
        """
        floor = SMALLEST_SPREAD * np.maximum(np.abs(self.mean), SMALLEST_SPREAD)
        return np.asarray(np.maximum(np.sqrt(self.squares / self.rows), floor))


def mean_and_std(blocks: Iterable[np.ndarray[Any, Any]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return mean and standard deviation over the first axis of all blocks."""
    found = Moments()
    for block in blocks:
        found.add(block)
    return found.mean, found.std
