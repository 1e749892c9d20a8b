"""Resolution of the transverse momentum of a muon."""

from typing import Any

import numpy as np

from app.metrics import METRICS
from app.metrics.statistics.bins import ETA, MOST_PT, PT, Edges, bin_by_pt_eta, is_positive, pt_from, require_positive
from app.metrics.statistics.residuals import numbers, require, residuals, widths
from app.predictions import Predictions


@METRICS("muon_pt", primary="pt_relative_res_68pct", better="lower", binned_in="pT [GeV]")
def muon_pt(predictions: Predictions, *, pt_bins: Edges = PT, eta_bins: Edges = ETA) -> dict[str, Any]:
    """Relative residuals of pT and of q/pT, by pT and |eta| too.

    The bending in a magnet is proportional to q/pT, whose residual is nearly Gaussian, while that of pT has a tail to
    high values; both are given. `pt_relative` is (prediction - truth) / truth. `q_over_pt_relative` is the residual of
    q/pT times the true pT, in which a wrong charge is a residual of about -2; where only pT is predicted the true
    charge is taken.

    Args:
        predictions: target pt [GeV], or q_over_pt [1/GeV]; the other is calculated. A predicted momentum above 10 TeV,
            or of 0 and less, counts as 10 TeV in q/pT.
        pt_bins: rising bin edges of the true pT [GeV].
        eta_bins: rising bin edges of the true |eta|.

    Returns:
        `pt_relative_` and `q_over_pt_relative_` `bias`, `rms` (standard deviation), `68` (half width of the central
        68 %) and `res_68pct` (68th percentile of the absolute value); pt_relative_res_50pct, its median; of q_over_pt
        charge_misidentification, the share of wrong signs; rows; `bins`, a list of `{"low", "high"}` [GeV] with the
        same keys, and `eta_bins` likewise, of |eta|.

    Raises:
        UserError: neither is a target.
        WirechamberError: a value is not finite, a true pT is not above 0, or there is no row.
    """
    target = "q_over_pt" if "q_over_pt" in predictions.true and "pt" not in predictions.true else "pt"
    require((target,), list(predictions.true))

    def summarise(events: Predictions) -> dict[str, Any]:
        delta = residuals(events.true, events.predicted, (target,))[target]
        true, predicted = (np.asarray(v[target], np.float64) for v in (events.true, events.predicted))
        if target == "pt":
            require_positive(true)
            bounded = np.where((predicted > 0) & (predicted < MOST_PT), predicted, MOST_PT)
            relative, curvature = delta / true, true / bounded - 1
        else:
            relative, curvature = pt_from(predicted) / pt_from(true) - 1, delta / true  # q/pT times the true charge
        figures = widths("pt_relative", relative) | widths("q_over_pt_relative", curvature)
        figures |= numbers(pt_relative_res_50pct=np.median(np.abs(relative)))
        if target == "q_over_pt":
            wrong = is_positive(events.true, target) != is_positive(events.predicted, target)
            figures |= numbers(charge_misidentification=wrong.mean())
        return {**figures, "rows": len(events)}

    return bin_by_pt_eta(predictions, pt_bins, eta_bins, summarise)
