"""Residuals of predictions that must be finite, their bias and their widths: one definition for every task."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, WirechamberError

Values = Mapping[str, NDArray[np.floating[Any]]]


def residuals(true: Values, predicted: Values, targets: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return predicted - true of `targets` in float64; raises when one is missing, empty or not finite."""
    require(targets, [name for name in true if name in predicted])
    return {name: _residual(name, true[name], predicted[name]) for name in targets}


def require(targets: Sequence[str], given: Sequence[str]) -> None:
    """Raise UserError when a metric needs a target that the task does not predict."""
    missing = [name for name in targets if name not in given]
    if missing:
        expected = f"the targets [{', '.join(targets)}]"
        raise UserError(
            Problem(f"the metric needs {', '.join(missing)}", ("targets",), expected=expected, received=list(given))
        )


def _residual(name: str, true: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.float64]:
    if not len(true):
        raise WirechamberError(f"no rows to measure {name} on")
    for kind, values in (("true", true), ("predicted", predicted)):
        bad = np.count_nonzero(~np.isfinite(values))
        if bad:
            raise WirechamberError(f"{bad} of {len(values)} {kind} values of {name} are not finite")
    return np.asarray(predicted, np.float64) - np.asarray(true, np.float64)


def numbers(**values: Any) -> dict[str, float]:
    """Return plain floats that JSON can hold; raises when one has overflowed."""
    plain = {name: float(value) for name, value in values.items()}
    lost = [name for name, value in plain.items() if not np.isfinite(value)]
    if lost:
        raise WirechamberError(f"{', '.join(lost)}: the residuals are too large for a number")
    return plain


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
