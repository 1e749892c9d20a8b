"""Fits by least squares: straight lines, and the basis of products of Chebyshev polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.metrics.baselines import Baseline, Columns, Predicted

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
        """Return the basis whose intervals are the ranges of `features` (N, F)."""
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
            rest = (*powers[:axis], 0, *powers[axis + 1 :])  # of lower degree, so it is already in a row above
            np.multiply(products[place[rest]], columns[axis, powers[axis]], out=products[row])
        return products


def exponents(features: int, degree: int) -> list[tuple[int, ...]]:
    """Return the degrees (a, b, ...) of each product, in its order."""
    return [
        tuple(chosen.count(axis) for axis in range(features))
        for total in range(degree + 1)
        for chosen in combinations_with_replacement(range(features), total)
    ]


def linear_fit(train: Columns, inputs: Sequence[str], targets: Sequence[str]) -> Baseline:
    """Return every target as a + b . inputs, fitted on the training events whose inputs are finite.

    An event without them, e.g. one in which no sensor has enough light for a time, gets the mean of the others.

    Raises:
        WirechamberError: there is no training event with these inputs.
    """
    values = stack_columns(train, inputs)
    usable = np.isfinite(values).all(axis=1)
    if not usable.any():
        raise WirechamberError(f"no training events with {', '.join(inputs)}")
    centre, spread = values[usable].mean(axis=0), values[usable].std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)  # an input that never changes has no effect
    scaled = (values[usable] - centre) / spread
    truth = np.stack([np.asarray(train[f"true_{target}"], np.float64)[usable] for target in targets], axis=1)
    mean = truth.mean(axis=0)
    slopes = np.linalg.lstsq(scaled, truth - mean, rcond=None)[0]

    def predict(columns: Columns) -> Predicted:
        known = stack_columns(columns, inputs)
        known = np.where(np.isfinite(known).all(axis=1, keepdims=True), (known - centre) / spread, 0.0)
        return dict(zip(targets, (mean + known @ slopes).T, strict=True))

    return Baseline(f"linear fit to {', '.join(inputs)}", predict)


def stack_columns(columns: Columns, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the named columns side by side, (N, C)."""
    return np.stack([np.asarray(columns[name], np.float64) for name in names], axis=1)
