"""Residuals of predictions that must be finite, their bias and their widths: one definition for every task."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, WirechamberError

Values = Mapping[str, NDArray[np.floating[Any]]]


def residuals(true: Values, predicted: Values, targets: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return predicted - true of `targets` (N,) in float64.

    A model that gives NaN must fail, not look good on the rows that remain.

    Raises:
        UserError: a target is missing.
        WirechamberError: there is no row, or a value is not finite.
    """
    require(targets, [name for name in true if name in predicted])
    for name in targets:
        if not len(true[name]):
            raise WirechamberError(f"no rows to measure {name} on")
        for kind, values in (("true", true[name]), ("predicted", predicted[name])):
            bad = np.count_nonzero(~np.isfinite(values))
            if bad:
                raise WirechamberError(f"{bad} of {len(values)} {kind} values of {name} are not finite")
    return {name: np.asarray(predicted[name], np.float64) - np.asarray(true[name], np.float64) for name in targets}


def require(targets: Sequence[str], given: Sequence[str]) -> None:
    """Raise UserError when a metric needs a target that the task does not predict."""
    missing = [name for name in targets if name not in given]
    if missing:
        expected = f"the targets [{', '.join(targets)}]"
        raise UserError(
            Problem(f"the metric needs {', '.join(missing)}", ("targets",), expected=expected, received=list(given))
        )


def numbers(**values: Any) -> dict[str, float]:
    """Return floats that JSON can hold; raises WirechamberError when one has overflowed."""
    floats = {name: float(value) for name, value in values.items()}
    lost = [name for name, value in floats.items() if not np.isfinite(value)]
    if lost:
        raise WirechamberError(f"{', '.join(lost)}: the residuals are too large for a number")
    return floats


Residuals = NDArray[np.floating[Any]]


def half_width_68(values: Residuals) -> float:
    """Return half the width of the central 68.27 % of `values`, which is one sigma for a Gaussian."""
    low, high = np.percentile(values, [15.865, 84.135])
    return float(high - low) / 2


def widths(name: str, residual: Residuals) -> dict[str, float]:
    """Return bias and widths of prediction - truth under `<name>_...`.

    `_bias` is the mean and `_rms` the standard deviation. `_68` is half the width of the central 68.27 %, on which
    tails and the bias have no effect; `_res_68pct` is the 68th percentile of |residual|, on which the bias has one.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # numbers() raises an error for an overflow
        figures = {
            f"{name}_bias": residual.mean(),
            f"{name}_rms": residual.std(),
            f"{name}_68": half_width_68(residual),
            f"{name}_res_68pct": np.percentile(np.abs(residual), 68),
        }
    return numbers(**figures)
