"""Chebyshev series on zeta in [0, 1]: values, exact integrals and derivatives as matrices."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def integral(count: int, times: int) -> Matrix:
    """Return (count, count + times): row j has the series of the `times`-fold integral of T_j(2 zeta - 1) from 0."""
    rows = [chebyshev.chebint(unit, m=times, lbnd=-1, scl=0.5) for unit in np.eye(count)]
    return np.stack([np.pad(row, (0, count + times - len(row))) for row in rows])


def derivative(count: int) -> Matrix:
    """Return (count, count): row j has the series of the derivative of T_j(2 zeta - 1) by zeta."""
    rows = [chebyshev.chebder(unit, scl=2.0) for unit in np.eye(count)]
    return np.stack([np.pad(row, (0, count - len(row))) for row in rows])


def values(count: int, zeta: Any) -> Any:
    """Return T_j(2 zeta - 1), (count, P), by T_(j+1) = 2 s T_j - T_(j-1); a float64 constant for a NumPy array."""
    known = isinstance(zeta, np.ndarray)
    s = 2.0 * (zeta.astype(np.float64) if known else zeta) - 1.0
    rows = [np.ones_like(s) if known else keras.ops.ones_like(s), s]
    while len(rows) < count:
        rows.append(2.0 * s * rows[-1] - rows[-2])
    return (np if known else keras.ops).stack(rows[:count])


def at_start(count: int) -> NDArray[np.float32]:
    """Return T_j(-1), (count, 1)."""
    return np.where(np.arange(count) % 2, -1.0, 1.0).astype(np.float32)[:, None]


def combined(matrix: Matrix, basis: Any) -> Any:
    """Return matrix @ basis, in the precision of `basis`."""
    return matrix @ basis if isinstance(basis, np.ndarray) else keras.ops.matmul(matrix.astype("float32"), basis)
