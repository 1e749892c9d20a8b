"""Weights that are learned as the uncertainties of the terms."""

from collections.abc import Mapping
from typing import Any

from app.core.libraries import keras
from losses.balancing import BALANCINGS, Balance


@BALANCINGS("uncertainty")
def uncertainty(objective: Any, weights: Mapping[str, float]) -> Balance:
    """total = sum_i weight_i exp(-s_i) loss_i + s_i, with learned logarithms s_i of the variances, 0 at the start.

    At the minimum exp(s_i) = weight_i loss_i: every term ends with the same influence for any size. A term
    that can be driven to 0 gets an ever larger weight; the total may become negative, which is why runs are judged
    without s. A term of weight 0 is left out, because its s would not be bounded.

    Args:
        objective: makes the variables s.
        weights: of the terms, a constant offset of s.

    References:
        A. Kendall, Y. Gal, R. Cipolla, CVPR (2018), arXiv:1705.07115, equation 7.
    """
    weighted = [name for name, weight in weights.items() if weight > 0]
    logs = {name: objective.add_weight(shape=(), initializer="zeros", name=f"{name}_log_variance") for name in weighted}
    return lambda epoch: {n: (weights[n] * keras.ops.exp(-s), s + 0.0) for n, s in logs.items()}
