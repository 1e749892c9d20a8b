"""How well a direction points: the angle to the truth, and how often head and tail are exchanged."""

from functools import partial
from typing import Any

import numpy as np

from app.core.types import Listed
from app.metrics import METRICS
from app.metrics.direction import COMPONENTS, opening_angle
from app.metrics.statistics.bins import Edges, by_bin, energy_of
from app.metrics.statistics.residuals import numbers, residuals
from app.predictions import Predictions

SUPERNOVA_ENERGIES = (0.0, 0.005, 0.008, 0.012, 0.02, 0.03, 0.07)
"""Bin edges of electrons from supernova neutrinos [GeV]."""


@METRICS("pointing", primary="angle_mean_deg", better="lower", binned_in="E [GeV]")
def pointing(predictions: Predictions, *, targets: Listed = COMPONENTS, energy_bins: Edges = SUPERNOVA_ENERGIES) -> Any:
    """Angle between predicted and true direction, head-tail confusions and the axis' own error, by energy too.

    A prediction beyond 90 degrees has found the axis and exchanged its ends, or nothing at all: `head_tail_fraction`
    counts them, and `axis_median_deg` is the median with the better end of each. Isotropic guesses have a mean and a
    median of 90 degrees, a mean cosine of 0 and half of them exchanged; their axis is at 60 degrees.

    Args:
        predictions: the components of the direction; the energy for the bins.
        targets: names of the three components; their lengths do not matter.
        energy_bins: rising bin edges of the true energy [GeV].

    Returns:
        angle_mean_deg, angle_median_deg, angle_68_deg (68th percentile), cosine_mean, head_tail_fraction,
        axis_median_deg, rows; where the head gives a concentration also angle_mean_best_half_deg, of the events that
        it is surest of; `bins`, a list of `{"low", "high"}` [GeV] with the same keys.

    Raises:
        UserError: the task has no such targets.
        WirechamberError: a value is not finite, or there is no row.
    """
    summary = partial(_summary, targets=targets)
    return {**summary(predictions), "bins": by_bin(predictions, energy_of(predictions), energy_bins, summary)}


def _summary(predictions: Predictions, targets: tuple[str, ...]) -> dict[str, Any]:
    residuals(predictions.true, predictions.predicted, targets)
    true, predicted = (
        np.stack([np.asarray(values[name], np.float64) for name in targets], axis=-1)
        for values in (predictions.true, predictions.predicted)
    )
    angle = np.degrees(opening_angle(true, predicted))
    found = numbers(
        angle_mean_deg=angle.mean(),
        angle_median_deg=np.median(angle),
        angle_68_deg=np.percentile(angle, 68),
        cosine_mean=np.cos(np.radians(angle)).mean(),
        head_tail_fraction=np.mean(angle > 90),
        axis_median_deg=np.median(np.minimum(angle, 180 - angle)),
    )
    return {**found, **_surest(angle, predictions), "rows": len(predictions)}


def _surest(angle: Any, predictions: Predictions) -> dict[str, float]:
    if not predictions.concentration:
        return {}
    (kappa,) = predictions.concentration.values()
    best = np.argsort(-kappa, kind="stable")[: max(1, len(kappa) // 2)]
    return numbers(angle_mean_best_half_deg=angle[best].mean())
