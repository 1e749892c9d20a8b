"""Weights by the momentum of a track."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.core.types import Positive
from losses.weighting import WEIGHTINGS

LEAST_LOG_MOMENTUM = 1.0 / math.e


@WEIGHTINGS("uniform")
def uniform(columns: Mapping[str, Any]) -> Any:
    """w = 1: all events have the same weight.

    Args:
        columns: any.
    """
    return np.ones(len(next(iter(columns.values()))))


@WEIGHTINGS("inverse_momentum")
def inverse_momentum(columns: Mapping[str, Any], *, power: Positive = 1.0) -> Any:
    """w = p^-power: larger weights for soft tracks, which bend most.

    It is for a network that learns the state itself. The loss on a `kick` already has the weight |q/p|, where a further
    weight makes the result worse.

    Args:
        columns: with p [GeV] or qop [1/GeV].
        power: 0.5, 1 and 2 are usual; from 2 to 100 GeV the last makes a soft track count 2,500 times a stiff one.
    """
    return momentum(columns) ** -power


@WEIGHTINGS("log_momentum")
def log_momentum(columns: Mapping[str, Any]) -> Any:
    """w = 1 / (1 + log p), p in GeV: a gentle preference for soft tracks.

    Args:
        columns: with p [GeV] or qop [1/GeV].

    Raises:
        UserError: momenta at or below 1/e GeV, where the weight is not positive.
    """
    p = momentum(columns)
    if p.min() <= LEAST_LOG_MOMENTUM:
        what = "'log_momentum': the weight 1 / (1 + log p) is negative or infinite"
        expected = f"p above 1/e = {LEAST_LOG_MOMENTUM:.3f} GeV, or another weighting"
        raise UserError(Problem(what, (), expected=expected, received=round(float(p.min()), 4)))
    return 1.0 / (1.0 + np.log(p))


def momentum(columns: Mapping[str, Any]) -> Any:
    """Return p [GeV], (N,) float64: the column itself, or 1 / |q/p|."""
    if "p" in columns:
        return np.asarray(columns["p"], np.float64)
    if "qop" in columns:
        return 1.0 / np.abs(np.asarray(columns["qop"], np.float64))
    expected = "data with a column p or qop"
    raise UserError(Problem("the data have no momentum", (), expected=expected, received=sorted(columns)))
