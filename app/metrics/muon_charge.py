"""How often a muon is given the wrong charge."""

from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.metrics import METRICS
from app.metrics.statistics.bins import CHARGES, ETA, PT, Edges, bin_by_pt_eta, is_positive
from app.metrics.statistics.residuals import numbers, residuals
from app.predictions import Predictions


@METRICS("muon_charge", primary="charge_misidentification", better="lower", binned_in="pT [GeV]")
def muon_charge(predictions: Predictions, *, pt_bins: Edges = PT, eta_bins: Edges = ETA) -> dict[str, Any]:
    """Share of wrong charges, by pT and |eta| too. It grows with pT, where the bending falls below the resolution.

    Args:
        predictions: target positive (1 or 0, or the probability of 1), charge or q_over_pt (by its sign).
        pt_bins: rising bin edges of the true pT [GeV].
        eta_bins: rising bin edges of the true |eta|.

    Returns:
        charge_misidentification and its binomial standard deviation charge_misidentification_error; the same for each
        charge, positive_misidentification and negative_misidentification, where it occurs; rows; `bins`, a list of
        `{"low", "high"}` [GeV] with the same keys, and `eta_bins` likewise, of |eta|.

    Raises:
        UserError: the task has no such target.
        WirechamberError: a value is not finite, or there is no row.
    """
    target = next((name for name in CHARGES if name in predictions.true), None)
    if target is None:
        expected = f"one of the targets [{', '.join(CHARGES)}]"
        raise UserError(
            Problem("the metric needs a charge", ("targets",), expected=expected, received=list(predictions.true))
        )

    def summarise(events: Predictions) -> dict[str, Any]:
        residuals(events.true, events.predicted, (target,))
        positive = is_positive(events.true, target)
        wrong = positive != is_positive(events.predicted, target)
        share = wrong.mean()
        sides = {"positive": positive, "negative": ~positive}
        each = {f"{name}_misidentification": wrong[side].mean() for name, side in sides.items() if side.any()}
        error = np.sqrt(share * (1 - share) / len(wrong))
        figures = numbers(charge_misidentification=share, charge_misidentification_error=error, **each)
        return {**figures, "rows": len(events)}

    return bin_by_pt_eta(predictions, pt_bins, eta_bins, summarise)
