"""Chebyshev series on zeta in [0, 1]: values, exact integrals and derivatives as matrices."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def integral(count: int, times: int) -> Matrix:
    """Return (count, count + times): row j has the series of the `times`-fold integral of T_j(2 zeta - 1) from 0."""
    rows = [chebyshev.chebint(unit, m=times, lbnd=-1, scl=0.5) for unit in np.eye(count)]
    return np.stack([np.pad(row, (0, count + times - len(row))) for row in rows]).astype(np.float32)


def derivative(count: int) -> Matrix:
    """Return (count, count): row j has the series of the derivative of T_j(2 zeta - 1) by zeta."""
    rows = [chebyshev.chebder(unit, scl=2.0) for unit in np.eye(count)]
    return np.stack([np.pad(row, (0, count - len(row))) for row in rows]).astype(np.float32)


def values(count: int, zeta: Any) -> Any:
    """Return T_j(2 zeta - 1), (count, P), by T_(j+1) = 2 s T_j - T_(j-1); a constant when zeta is a NumPy array."""
    s = 2.0 * zeta - 1.0
    ones = np.ones_like(zeta) if isinstance(zeta, np.ndarray) else keras.ops.ones_like(zeta)
    rows = [ones, s]
    while len(rows) < count:
        rows.append(2.0 * s * rows[-1] - rows[-2])
    stack = np.stack if isinstance(zeta, np.ndarray) else keras.ops.stack
    return stack(rows[:count])
