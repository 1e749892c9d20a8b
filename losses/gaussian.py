"""Losses of a prediction that comes with its own uncertainty: mean and logarithm of the variance.

The head gives (N, 2T): the T means, then the T log-variances s, all in the space of the task's transform. Below
LEAST_LOG_VARIANCE a predicted width is as good as 0: the likelihood, which has no bound there, is cut off, and what is
left pulls the width up again. No value of s makes the loss or its gradient infinite.
"""

from typing import Any

from app.core.libraries import keras
from app.core.types import Fraction
from losses import LOSSES
from losses._residual import agree, in_single

LEAST_LOG_VARIANCE = -20.0
"""A standard deviation of e^-10 = 4.5e-5 of the transformed target's unit; that head gives no smaller one."""


def _example(random: Any) -> tuple[Any, Any]:
    return random.normal(size=(6, 4)), random.normal(size=(6, 8))


@LOSSES("gaussian_nll", head="gaussian", example=_example)
def gaussian_nll(y_true: Any, y_pred: Any) -> Any:
    """Negative log-likelihood of a Gaussian whose mean and width are both predicted.

    L = 1/2 mean_t (s_t + r_t^2 exp(-s_t)), s = log sigma^2, r = mean - y_true; the constant log(2 pi) / 2 is left out,
    so that it is negative where sigma < 1. At its minimum sigma^2 is the mean squared residual of such events. The
    gradient of the mean is divided by sigma^2: events that the network takes for well measured rule the fit, and ones
    that it has given up early stay given up; `beta_nll` cures that. Standardise the targets: a width below e^-10 =
    4.5e-5 of the transformed unit counts as that width.

    Args:
        y_true: targets, (N, T).
        y_pred: means, then log-variances, (N, 2T).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes are not (N, T) and (N, 2T).

    References:
        D. A. Nix, A. S. Weigend, Estimating the mean and variance of the target probability distribution, ICNN 1994,
        doi:10.1109/ICNN.1994.374138.
    """
    r, log_variance = _parts(y_true, y_pred)
    return keras.ops.mean(_terms(r, log_variance), axis=-1)


@LOSSES("beta_nll", head="gaussian", example=_example, surrogate=True)
def beta_nll(y_true: Any, y_pred: Any, *, beta: Fraction = 0.5) -> Any:
    """Gaussian negative log-likelihood whose events are weighted back by sigma^(2 beta).

    L = mean_t [sigma_t^(2 beta)] 1/2 (s_t + r_t^2 exp(-s_t)); what stands in brackets counts as a constant, so that the
    gradient is that of `gaussian_nll` times it, and not the derivative of the value. beta = 0 is `gaussian_nll`, with
    beta = 1 the mean is fitted as by `mse`; the width is fitted to the residuals in all of them.

    Args:
        y_true: targets, (N, T).
        y_pred: means, then log-variances, (N, 2T).
        beta: from 0, the likelihood, to 1, equal weights for the mean.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes are not (N, T) and (N, 2T).

    References:
        M. Seitzer et al., On the Pitfalls of Heteroscedastic Uncertainty Estimation with Probabilistic Neural Networks,
        eq. 5, arXiv:2203.09168.
    """
    r, log_variance = _parts(y_true, y_pred)
    kept = keras.ops.clip(log_variance, LEAST_LOG_VARIANCE, -LEAST_LOG_VARIANCE)  # exp of it must not overflow
    weight = keras.ops.stop_gradient(keras.ops.exp(beta * kept))
    return keras.ops.mean(weight * _terms(r, log_variance), axis=-1)


def _parts(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return residual and log-variance, (N, T) each."""
    y_true, y_pred = in_single(y_true, y_pred)
    true, predicted = tuple(y_true.shape), tuple(y_pred.shape)
    if not agree((*true[:-1], _twice(true)), predicted):
        what = "y_pred must hold means and log-variances, (N, 2T), of y_true (N, T)"
        raise ValueError(f"{what}: y_true is {true}, y_pred is {predicted}")
    mean, log_variance = keras.ops.split(y_pred, 2, axis=-1)
    return mean - y_true, log_variance


def _twice(shape: tuple[int | None, ...]) -> int | None:
    return 2 * shape[-1] if shape and shape[-1] is not None else None


def _terms(r: Any, log_variance: Any) -> Any:
    """Return 1/2 (s + r^2 exp(-s)) of each target; below LEAST s in the first term stays, the other goes on straight.

    The exponential is continued by its tangent: s is pushed up by r^2 as at LEAST, and by nothing down.
    """
    kept = keras.ops.maximum(log_variance, LEAST_LOG_VARIANCE)
    pull = keras.ops.square(r) * keras.ops.exp(-kept)
    return 0.5 * (kept + pull * (1 + kept - log_variance))
