"""Residuals of any set of numbers: what to look at before a measure made for the quantity exists."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics import METRICS
from app.metrics.statistics.residuals import half_width_68, numbers, residuals
from app.predictions import Predictions


@METRICS("regression", primary="relative_rms", better="lower")
def regression(predictions: Predictions) -> dict[str, Any]:
    """Mean absolute error, bias, RMS and 68 % half width of every target.

    The residual is prediction - truth in the target's own unit. `<target>_68` is half the distance between the 15.865th
    and 84.135th percentiles: one sigma for a Gaussian, and blind to tails, which `<target>_rms` is not.
    `relative_rms` averages rms / std(truth) over the targets, so that units do not matter: 0 is perfect, 1 is no better
    than always giving the mean. It is not meant for angles that wrap around.

    Args:
        predictions: any targets.

    Returns:
        relative_rms, rows, and for every target `<target>_mean_absolute`, `_bias`, `_rms`, `_68` in its unit.

    Raises:
        WirechamberError: a value is not finite, or there is no row.
    """
    delta = residuals(predictions.true, predictions.predicted, tuple(predictions.true))
    found: dict[str, float] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused in numbers()
        for target, values in delta.items():
            found |= _summary(target, values)
        ratios = [found[f"{target}_rms"] / _spread(predictions.true[target]) for target in delta]
    return {**numbers(relative_rms=np.mean(ratios)), **found, "rows": len(predictions)}


def _summary(target: str, values: NDArray[np.float64]) -> dict[str, float]:
    return numbers(
        **{
            f"{target}_mean_absolute": np.abs(values).mean(),
            f"{target}_bias": values.mean(),
            f"{target}_rms": np.sqrt(np.square(values).mean()),
            f"{target}_68": half_width_68(values),
        }
    )


def _spread(true: NDArray[np.floating[Any]]) -> float:
    """Return the standard deviation, or the size of a value that never changes (a smoke run of one row), or 1."""
    values = np.asarray(true, np.float64)
    return float(values.std() or np.abs(values).mean() or 1.0)
