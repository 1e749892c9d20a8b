"""Losses of the residual r = y_pred - y_true in units of the target's size d = max(|y_true|, floor)."""

from typing import Annotated, Any

from pydantic import Field

from app.core.libraries import keras
from app.core.types import Positive
from losses import LOSSES
from losses._residual import huber_function, in_float32, residual

Floor = Annotated[float, Field(ge=1e-9)]
"""At least 1e-9, because the square of a residual of 1 divided by it must stay within float32."""


@LOSSES("relative_l1", physical=True, transform=())
def relative_l1(y_true: Any, y_pred: Any, *, floor: Floor = 1e-3) -> Any:
    """Mean absolute error in units of the target: 5 % off at 15 MeV counts as much as 5 % off at 60 MeV.

    L = mean_t |r_t| / d_t. It is for targets whose 0 means "nothing", in any unit, and has no meaning for
    standardised targets, whose 0 is their mean. Its minimum is the median weighted with 1 / d: it lies below the
    median, the more so the wider the distribution. The logarithm of the target (transform `log`) and `l1` weigh events
    in the same way without that shift.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).
        floor: least size d that a residual is divided by, in the target's unit: 1e-3 GeV is 1 MeV.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).
    """
    return keras.ops.mean(keras.ops.abs(residual(y_true, y_pred)) / _size(y_true, y_pred, floor), axis=-1)


@LOSSES("relative_mse", physical=True, transform=())
def relative_mse(y_true: Any, y_pred: Any, *, floor: Floor = 1e-3) -> Any:
    """Mean squared relative error: the negative log-likelihood of Gaussian residuals of a width proportional to E.

    L = mean_t (r_t / d_t)^2: right for a constant relative resolution, the constant term of a calorimeter. It is for
    targets whose 0 means "nothing", never for standardised ones. Where the truth is not far above its spread, the
    minimum lies below the mean, because low truths have the largest weights.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).
        floor: least size d that a residual is divided by, in the target's unit: 1e-3 GeV is 1 MeV.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).
    """
    ratio = residual(y_true, y_pred) / _size(y_true, y_pred, floor)
    return keras.ops.mean(keras.ops.square(ratio), axis=-1)


@LOSSES("relative_smooth_l1", physical=True, transform=())
def relative_smooth_l1(y_true: Any, y_pred: Any, *, beta: Positive = 1.0, floor: Floor = 1e-3) -> Any:
    """Smooth L1 in units of the target: a parabola r^2 / E within beta, relative errors beyond.

    L = mean_t s(r_t) / d_t with s(r) = r^2 / (2 beta) for |r| <= beta, |r| - beta / 2 beyond. It is scale-invariant
    only far outside of beta, where it is `relative_l1`. Inside it is the chi-squared of a width proportional to
    sqrt(E), the stochastic term of a calorimeter, which a loss that divides by E and not by E^2 assumes. Energies in
    GeV have residuals near 0.005: with beta = 1 every event is inside.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).
        beta: residual, not relative, at which the parabola goes over into the line, in the target's unit.
        floor: least size d that is divided by, in the target's unit: 1e-3 GeV is 1 MeV.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).
    """
    size = _size(y_true, y_pred, floor)
    return keras.ops.mean(huber_function(residual(y_true, y_pred), beta) / (beta * size), axis=-1)


def _size(y_true: Any, y_pred: Any, floor: float) -> Any:
    return keras.ops.maximum(keras.ops.abs(in_float32(y_true, y_pred)[0]), floor)
