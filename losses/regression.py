"""Losses of the residual r = y_pred - y_true, each the mean over the T targets of an event."""

import math
from typing import Any

from app.core.libraries import keras
from app.core.types import Positive
from losses import LOSSES
from losses._residual import huber_function, residual


@LOSSES("mse", aliases=("l2",))
def mse(y_true: Any, y_pred: Any) -> Any:
    """Mean squared error: the negative log-likelihood of Gaussian residuals with one common width.

    L = mean_t r_t^2. Its minimum is the conditional mean. One outlier of 10 widths weighs as much as a hundred good
    events, so that it does not suit residuals with tails.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).
    """
    return keras.ops.mean(keras.ops.square(residual(y_true, y_pred)), axis=-1)


@LOSSES("l1", aliases=("mae",))
def l1(y_true: Any, y_pred: Any) -> Any:
    """Mean absolute error: the negative log-likelihood of Laplace residuals.

    L = mean_t |r_t|. Its minimum is the conditional median, which tails do not shift. The gradient does not shrink near
    the minimum, so that the last digits need a decaying learning rate.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).
    """
    return keras.ops.mean(keras.ops.abs(residual(y_true, y_pred)), axis=-1)


@LOSSES("huber")
def huber(y_true: Any, y_pred: Any, *, delta: Positive = 1.0) -> Any:
    """Huber's loss: Gaussian core, tails with a linear weight.

    L = mean_t h(r_t) with h(r) = r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) beyond. Set `delta` to one to two
    widths of the core. With a `delta` far above every residual it is half of `mse`.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).
        delta: residual at which the parabola goes over into the line, in units of the transformed target.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).

    References:
        P. J. Huber, Robust Estimation of a Location Parameter, Ann. Math. Statist. 35 (1964) 73,
        doi:10.1214/aoms/1177703732.
    """
    return keras.ops.mean(huber_function(residual(y_true, y_pred), delta), axis=-1)


@LOSSES("smooth_l1")
def smooth_l1(y_true: Any, y_pred: Any, *, beta: Positive = 1.0) -> Any:
    """Smooth L1: the absolute error, rounded off near zero.

    L = mean_t s(r_t) with s(r) = r^2 / (2 beta) for |r| <= beta, |r| - beta / 2 beyond: huber(delta=beta) / beta. It is
    `l1` in the limit of a small beta; the gradient of the tails does not depend on beta, that of the core does.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).
        beta: residual at which the parabola goes over into the line, in units of the transformed target.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).

    References:
        R. Girshick, Fast R-CNN, eq. 3, arXiv:1504.08083.
    """
    return huber(y_true, y_pred, delta=beta) / beta


@LOSSES("log_cosh")
def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Logarithm of the hyperbolic cosine: a Huber loss that is smooth everywhere.

    L = mean_t log cosh r_t: r^2 / 2 for small residuals, |r| - log 2 for large ones, gradient tanh r. It has no
    width parameter: scale the targets so that the width of the core is about 1.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, T).
    """
    r = residual(y_true, y_pred)
    size = keras.ops.abs(r)
    # cosh overflows at 89 in float32, and |r| + log1p(exp(-2|r|)) - log 2 loses every digit below 1e-4: each serves
    # where it is exact, and is kept inside that range (clip, maximum), or the gradient of the other would be NaN.
    inner = keras.ops.log1p(2 * keras.ops.square(keras.ops.sinh(keras.ops.clip(r, -1, 1) / 2)))
    beyond = keras.ops.maximum(size, 1)
    outer = beyond + keras.ops.log1p(keras.ops.exp(-2 * beyond)) - math.log(2)
    return keras.ops.mean(keras.ops.where(size < 1, inner, outer), axis=-1)
