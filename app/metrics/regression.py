"""Residuals of any set of numbers, for quantities without a metric of their own."""

from typing import Any

import numpy as np

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
    figures: dict[str, float] = {}
    ratios = []
    with np.errstate(over="ignore", invalid="ignore"):  # numbers() raises an error for an overflow
        for target, values in delta.items():
            absolute, rms = np.abs(values).mean(), np.sqrt(np.square(values).mean())
            own = {"mean_absolute": absolute, "bias": values.mean(), "rms": rms, "68": half_width_68(values)}
            figures |= numbers(**{f"{target}_{name}": value for name, value in own.items()})
            true = np.asarray(predictions.true[target], np.float64)
            # The scale of a constant target, as in a quick test run with one row, is its size, or 1.
            ratios.append(figures[f"{target}_rms"] / float(true.std() or np.abs(true).mean() or 1.0))
    return {**numbers(relative_rms=np.mean(ratios)), **figures, "rows": len(predictions)}
