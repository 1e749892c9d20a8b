"""Angle between a direction and the truth, and how often head and tail are exchanged."""

from typing import Any

import numpy as np

from app.core.types import Listed
from app.metrics import METRICS
from app.metrics.direction import COMPONENTS, opening_angle
from app.metrics.statistics.bins import Edges, bin_by_energy
from app.metrics.statistics.residuals import numbers, residuals
from app.predictions import Predictions

SUPERNOVA_ENERGIES = (0.0, 0.005, 0.008, 0.012, 0.02, 0.03, 0.07)
"""Bin edges of the energies of electrons from supernova neutrinos [GeV]."""


@METRICS("pointing", primary="angle_mean_deg", better="lower", binned_in="E [GeV]")
def pointing(predictions: Predictions, *, targets: Listed = COMPONENTS, energy_bins: Edges = SUPERNOVA_ENERGIES) -> Any:
    """Angle between predicted and true direction, head-tail confusion and the error of the axis, by energy too.

    A prediction beyond 90 degrees either has the right axis with its ends exchanged, or is a guess.
    `head_tail_fraction` is the share of such predictions, `axis_median_deg` the median angle with the better end of
    each. Isotropic guesses have a mean and a median of 90 degrees, a mean cosine of 0 and a head_tail_fraction of 1/2;
    the median angle of their axis is 60 degrees.

    Args:
        predictions: the components of the direction; the energy for the bins.
        targets: names of the three components; their lengths do not matter.
        energy_bins: rising bin edges of the true energy [GeV].

    Returns:
        angle_mean_deg, angle_median_deg, angle_68_deg (68th percentile), cosine_mean, head_tail_fraction,
        axis_median_deg, rows; where the head gives a concentration also angle_mean_best_half_deg, of the most
        certain half of the events; `bins`, a list of `{"low", "high"}` [GeV] with the same keys.

    Raises:
        UserError: the task has no such targets.
        WirechamberError: a value is not finite, or there is no row.
    """

    def summarise(events: Predictions) -> dict[str, Any]:
        residuals(events.true, events.predicted, targets)
        true, predicted = (
            np.stack([np.asarray(values[name], np.float64) for name in targets], axis=-1)
            for values in (events.true, events.predicted)
        )
        angle = np.degrees(opening_angle(true, predicted))
        figures = numbers(
            angle_mean_deg=angle.mean(),
            angle_median_deg=np.median(angle),
            angle_68_deg=np.percentile(angle, 68),
            cosine_mean=np.cos(np.radians(angle)).mean(),
            head_tail_fraction=np.mean(angle > 90),
            axis_median_deg=np.median(np.minimum(angle, 180 - angle)),
        )
        if events.concentration:
            (kappa,) = events.concentration.values()
            most_certain = np.argsort(-kappa, kind="stable")[: max(1, len(kappa) // 2)]
            figures |= numbers(angle_mean_best_half_deg=angle[most_certain].mean())
        return {**figures, "rows": len(events)}

    return bin_by_energy(predictions, energy_bins, summarise)
