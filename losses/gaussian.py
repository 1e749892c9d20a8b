"""Losses of a prediction that comes with its own uncertainty: mean and logarithm of the variance.

The head gives (N, 2T): the T means, then the T log-variances s, all in the space of the task's transform. The
likelihood has no bound as the width goes to 0. Below LEAST_LOG_VARIANCE it is therefore cut off, so that its gradient
only increases the width again, and the loss and its gradient are finite for every s.
"""

from typing import Any

from app.core.libraries import keras
from app.core.types import Fraction
from losses import LOSSES
from losses._residual import agree, in_float32

LEAST_LOG_VARIANCE = -20.0
"""The smallest log-variance, a standard deviation of e^-10 = 4.5e-5 in the unit of the transformed target."""


def _example(random: Any) -> tuple[Any, Any]:
    return random.normal(size=(6, 4)), random.normal(size=(6, 8))


@LOSSES("gaussian_nll", head="gaussian", example=_example)
def gaussian_nll(y_true: Any, y_pred: Any) -> Any:
    """Negative log-likelihood of a Gaussian whose mean and width are both predicted.

    L = 1/2 mean_t (s_t + r_t^2 exp(-s_t)), s = log sigma^2, r = mean - y_true; the constant log(2 pi) / 2 is left out,
    so that it is negative where sigma < 1. At its minimum sigma^2 is the mean squared residual of such events. The
    gradient of the mean is divided by sigma^2, so that events with a small predicted width dominate the fit, and events
    that get a large width early hardly improve afterwards; `beta_nll` avoids this. Standardise the targets: a width
    below e^-10 = 4.5e-5 in the transformed unit counts as that width.

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

    L = mean_t [sigma_t^(2 beta)] 1/2 (s_t + r_t^2 exp(-s_t)); the factor in brackets counts as a constant, so that the
    gradient is that of `gaussian_nll` times this factor, and not the derivative of the value. beta = 0 is
    `gaussian_nll`, with beta = 1 the mean is fitted as by `mse`; the width is fitted to the residuals in all of them.

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
    y_true, y_pred = in_float32(y_true, y_pred)
    true, predicted = tuple(y_true.shape), tuple(y_pred.shape)
    twice = 2 * true[-1] if true and true[-1] is not None else None
    if not agree((*true[:-1], twice), predicted):
        what = "y_pred must hold means and log-variances, (N, 2T), of y_true (N, T)"
        raise ValueError(f"{what}: y_true is {true}, y_pred is {predicted}")
    mean, log_variance = keras.ops.split(y_pred, 2, axis=-1)
    return mean - y_true, log_variance


def _terms(r: Any, log_variance: Any) -> Any:
    """Return 1/2 (s + r^2 exp(-s)) of each target, (N, T), continued below LEAST_LOG_VARIANCE.

    There s in the first term is constant and the exponential continues as its tangent, so that the gradient only
    increases s.
    """
    kept = keras.ops.maximum(log_variance, LEAST_LOG_VARIANCE)
    pull = keras.ops.square(r) * keras.ops.exp(-kept)
    return 0.5 * (kept + pull * (1 + kept - log_variance))
