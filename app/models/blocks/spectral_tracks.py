"""Tracks as Chebyshev series in zeta: the network gives coefficients and never sees zeta. Imported with Keras."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from app.layers.saving import saved
from app.models.blocks.track_heads import Kick, TrackHead

Matrix = NDArray[np.float64]


@saved
class SpectralPath(TrackHead):
    """Series of dtx/dzeta and dty/dzeta; slopes and positions are their exact integrals.

    With `K_tx' = sum_j c_j T_j(2 zeta - 1)` follow `K_tx = int K_tx'` and `K_x = dz int int K_tx'`: the initial
    condition, dx/dz = tx and dy/dz = ty hold identically, and two residuals remain. States and derivatives at all
    points are small matrix products, so that a physics-informed step costs hardly more than a plain one.

    Args:
        mean: of the kick at zeta = 1, for x, y, tx, ty.
        std: its standard deviation.
        length: mean dz of the training tracks [mm]; the series starts as the one that ends in `mean` there.
        coefficients: per slope.
    """

    positions_are_exact = True

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], length: float, coefficients: int, **options: Any
    ) -> None:
        super().__init__(mean, std, **options)
        self.length, self.coefficients = length, coefficients
        self.once, self.twice = integral_matrix(coefficients, 1), integral_matrix(coefficients, 2)
        self.whole = tuple(matrix.sum(axis=1).astype(np.float32) for matrix in (self.once, self.twice))  # to zeta = 1
        self.series = keras.layers.Dense(2 * coefficients, name="series", dtype="float32")
        self.start = np.stack([self._start(0), self._start(1)])

    def _start(self, axis: int) -> Any:
        """Return the shortest series whose integrals end in the mean kick of a slope and of its position."""
        conditions = np.stack([self.whole[0], self.length * self.whole[1]])
        wanted = np.array([self.mean[2 + axis], self.mean[axis]])
        return (np.linalg.pinv(conditions) @ wanted).astype(np.float32)

    def build(self, shapes: Any) -> None:
        """Make the weights."""
        self.series.build(shapes["features"])
        self.built = True

    def call(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Return the standardised kick at zeta = 1 and the coefficients (N, 2, C)."""
        series = keras.ops.reshape(self.series(tensors["features"]), (-1, 2, self.coefficients))
        code = self.start + series * self.std[2:, None]
        slopes, positions = (keras.ops.sum(code * whole, axis=-1) for whole in self.whole)
        positions = positions * tensors["dz"][:, None]
        end = keras.ops.concatenate([positions, slopes], axis=-1)
        return {"end": (end - self.mean) / self.std, "code": code}

    def kick(self, code: Any, dz: Any, zeta: Any) -> tuple[Kick, Kick]:
        """Return K and dK/dzeta at zeta (P,)."""
        basis = chebyshev_values(self.coefficients + 2, zeta)
        moved = basis - values_at_start(self.coefficients + 2)  # makes the integrals exactly 0 at zeta = 0
        change = evaluate_series(code, basis[: self.coefficients])
        slopes = evaluate_series(code, multiply(self.once, moved[: self.coefficients + 1]))
        positions = evaluate_series(code, multiply(self.twice, moved))
        dz = dz[:, None]
        kick = dz * positions[:, 0], dz * positions[:, 1], slopes[:, 0], slopes[:, 1]
        return kick, (dz * slopes[:, 0], dz * slopes[:, 1], change[:, 0], change[:, 1])


@saved
class SoftSpectralPath(TrackHead):
    """Series of the four kicks themselves, for which nothing holds by construction but by the physics terms.

    Args:
        mean: of the kick at zeta = 1, for x, y, tx, ty; the series starts as mean * zeta.
        std: its standard deviation.
        coefficients: per component.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], coefficients: int, **options: Any) -> None:
        super().__init__(mean, std, **options)
        self.coefficients = coefficients
        self.change = derivative_matrix(coefficients)
        self.series = keras.layers.Dense(4 * coefficients, name="series", dtype="float32")
        self.start = np.zeros((4, coefficients), np.float32)
        self.start[:, :2] = self.mean[:, None] / 2.0

    def build(self, shapes: Any) -> None:
        """Make the weights."""
        self.series.build(shapes["features"])
        self.built = True

    def call(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Return the standardised kick at zeta = 1 and the coefficients (N, 4, C)."""
        series = keras.ops.reshape(self.series(tensors["features"]), (-1, 4, self.coefficients))
        code = self.start + series * self.std[:, None]
        return {"end": (keras.ops.sum(code, axis=-1) - self.mean) / self.std, "code": code}

    def kick(self, code: Any, dz: Any, zeta: Any) -> tuple[Kick, Kick]:
        """Return K and dK/dzeta at zeta (P,)."""
        basis = chebyshev_values(self.coefficients, zeta)
        return _components(evaluate_series(code, basis)), _components(
            evaluate_series(code, multiply(self.change, basis))
        )


def evaluate_series(code: Any, basis: Any) -> Any:
    """Return series (N, S, C) at points (C, P) as (N, S, P): one product of two matrices, not one for each track."""
    return keras.ops.tensordot(code, keras.ops.cast(basis, code.dtype), axes=1)


def _components(values: Any) -> Kick:
    return values[:, 0], values[:, 1], values[:, 2], values[:, 3]


def integral_matrix(count: int, times: int) -> Matrix:
    """Return (count, count + times): row j holds the series of the `times`-fold integral of T_j(2 zeta - 1) from 0."""
    rows = [chebyshev.chebint(unit, m=times, lbnd=-1, scl=0.5) for unit in np.eye(count)]
    return np.stack([np.pad(row, (0, count + times - len(row))) for row in rows])


def derivative_matrix(count: int) -> Matrix:
    """Return (count, count): row j holds the series of the derivative of T_j(2 zeta - 1) with respect to zeta."""
    rows = [chebyshev.chebder(unit, scl=2.0) for unit in np.eye(count)]
    return np.stack([np.pad(row, (0, count - len(row))) for row in rows])


def chebyshev_values(count: int, zeta: Any) -> Any:
    """Return T_j(2 zeta - 1), (count, P), by T_(j+1) = 2 s T_j - T_(j-1); a float64 constant for a NumPy array."""
    known = isinstance(zeta, np.ndarray)
    s = 2.0 * (zeta.astype(np.float64) if known else zeta) - 1.0
    rows = [np.ones_like(s) if known else keras.ops.ones_like(s), s]
    while len(rows) < count:
        rows.append(2.0 * s * rows[-1] - rows[-2])
    return (np if known else keras.ops).stack(rows[:count])


def values_at_start(count: int) -> NDArray[np.float32]:
    """Return T_j(-1), (count, 1)."""
    return np.where(np.arange(count) % 2, -1.0, 1.0).astype(np.float32)[:, None]


def multiply(matrix: Matrix, basis: Any) -> Any:
    """Return matrix @ basis, in the precision of `basis`."""
    return matrix @ basis if isinstance(basis, np.ndarray) else keras.ops.matmul(matrix.astype("float32"), basis)
