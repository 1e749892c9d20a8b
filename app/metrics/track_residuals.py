"""Resolution of extrapolated track states: position in mm, slopes without unit, all of them by momentum bin too."""

from typing import Any

import numpy as np

from app.metrics import METRICS
from app.metrics.statistics.bins import Edges, by_bin
from app.metrics.statistics.residuals import Values, numbers, residuals
from app.predictions import Predictions


@METRICS("track_residuals", primary="pos_mean_mm", better="lower", binned_in="p [GeV]")
def track_residuals(
    predictions: Predictions, *, momentum_bins: Edges = (0.5, 1, 2, 5, 10, 20, 50, 100)
) -> dict[str, Any]:
    """Residuals of extrapolated track states, in all and by momentum.

    `pos = sqrt(dx^2 + dy^2)` and `slope = sqrt(dtx^2 + dty^2)` of the residual prediction - truth; see
    `residual_summary` for the keys. The deflection is proportional to 1/p, so that a mean over all momenta is that of
    the lowest: `bins` repeats every key for the tracks with low <= p < high (the last bin holds its upper edge too). A
    bin without tracks is left out; so are all of them when there is no momentum column `p`.

    Args:
        predictions: targets x, y [mm] and, when predicted, tx, ty; column p [GeV] for the bins.
        momentum_bins: rising bin edges [GeV].

    Returns:
        The keys of `residual_summary` and `bins`, a list of `{"low", "high"}` [GeV] with the same keys.

    Raises:
        UserError: x or y is not among the targets.
        WirechamberError: a value is not finite, or there is no track.
    """

    def summarise(events: Predictions) -> dict[str, float]:
        return residual_summary(events.true, events.predicted)

    momentum = predictions.columns.get("p")
    return {**summarise(predictions), "bins": by_bin(predictions, momentum, momentum_bins, summarise)}


def residual_summary(true: Values, predicted: Values) -> dict[str, float]:
    """Return the metrics of one set of tracks; cheap enough for every epoch.

    Args:
        true: x, y [mm] and optionally tx, ty, arrays (N,).
        predicted: the same.

    Returns:
        pos_mean_mm, pos_std_mm, pos_median_mm, pos_68_mm, pos_95_mm, pos_99_mm (percentiles), x_mean_mm, y_mean_mm
        (mean absolute residuals), x_bias_mm, y_bias_mm (signed means) in mm; slope_mean, tx_mean, ty_mean, tx_bias,
        ty_bias without unit, absent when the slopes are not predicted; `rows`.
    """
    slopes = ("tx", "ty") if "tx" in true and "ty" in true else ()
    delta = residuals(true, predicted, ("x", "y", *slopes))
    with np.errstate(over="ignore", invalid="ignore"):  # numbers() raises an error for an overflow
        distance = np.hypot(delta["x"], delta["y"])
        median, p68, p95, p99 = np.percentile(distance, [50, 68, 95, 99])
        figures = {
            "pos_mean_mm": distance.mean(),
            "pos_std_mm": distance.std(),
            **{"pos_median_mm": median, "pos_68_mm": p68, "pos_95_mm": p95, "pos_99_mm": p99},
            **{f"{axis}_mean_mm": np.abs(delta[axis]).mean() for axis in "xy"},
            **{f"{axis}_bias_mm": delta[axis].mean() for axis in "xy"},
        }
        if slopes:
            figures["slope_mean"] = np.hypot(delta["tx"], delta["ty"]).mean()
            figures |= {f"{slope}_mean": np.abs(delta[slope]).mean() for slope in slopes}
            figures |= {f"{slope}_bias": delta[slope].mean() for slope in slopes}
        return {**numbers(**figures), "rows": len(delta["x"])}
