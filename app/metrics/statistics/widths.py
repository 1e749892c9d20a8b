"""Bias and widths of residuals, one definition for every task."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.statistics.finite import numbers

Residuals = NDArray[np.floating[Any]]


def half_width_68(values: Residuals) -> float:
    """Return half the width of the central 68.27 % of `values`: one sigma for a Gaussian."""
    low, high = np.percentile(values, [15.865, 84.135])
    return float(high - low) / 2


def widths(name: str, residual: Residuals) -> dict[str, float]:
    """Return bias and widths of prediction - truth under `<name>_...`.

    `_bias` is the mean and `_rms` the standard deviation, `_68` half the width of the central 68.27 %, blind to tails
    and to the bias, `_res_68pct` the 68th percentile of |residual|, blind to tails but not to the bias.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused in numbers()
        found = {
            f"{name}_bias": residual.mean(),
            f"{name}_rms": residual.std(),
            f"{name}_68": half_width_68(residual),
            f"{name}_res_68pct": np.percentile(np.abs(residual), 68),
        }
    return numbers(**found)
