"""Chebyshev products on scaled features, ordered by total degree, so that one factorisation serves every degree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def terms(features: int, degree: int) -> int:
    """Return how many products of `features` variables have at most total degree `degree`."""
    return comb(features + degree, degree)


@dataclass(frozen=True)
class Basis:
    """Products T_a(u1) T_b(u2) ... with a + b + ... <= degree; u is the feature scaled to [-1, 1] on the fit's rows."""

    centre: Matrix
    half: Matrix
    degree: int

    @classmethod
    def spanning(cls, features: Matrix, degree: int) -> Basis:
        """Return the basis whose interval is what `features` (N, F) cover."""
        low, high = features.min(axis=0), features.max(axis=0)
        half = (high - low) / 2
        return cls((low + high) / 2, np.where(half > 0, half, 1.0), degree)

    def __call__(self, features: Matrix) -> Matrix:
        """Return the products (T, N), the lower total degrees first."""
        chebyshev = np.polynomial.chebyshev.chebvander((features - self.centre) / self.half, self.degree)
        columns = np.ascontiguousarray(np.moveaxis(chebyshev, 0, -1))
        every = exponents(features.shape[1], self.degree)
        place = {powers: row for row, powers in enumerate(every)}
        products = np.empty((len(every), len(features)))
        products[0] = 1.0
        for row, powers in enumerate(every[1:], start=1):
            axis = max(i for i, power in enumerate(powers) if power)
            rest = (*powers[:axis], 0, *powers[axis + 1 :])  # of lower degree, so it stands above already
            np.multiply(products[place[rest]], columns[axis, powers[axis]], out=products[row])
        return products


def exponents(features: int, degree: int) -> list[tuple[int, ...]]:
    """Return the degrees (a, b, ...) of each product, in its order."""
    return [
        tuple(chosen.count(axis) for axis in range(features))
        for total in range(degree + 1)
        for chosen in combinations_with_replacement(range(features), total)
    ]
