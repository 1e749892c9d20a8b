"""Purity and efficiency of the assignment of hits to a muon."""

from typing import Any

import numpy as np

from app.metrics import METRICS
from app.metrics.statistics.bins import ETA, PT, Edges, bin_by_pt_eta
from app.metrics.statistics.residuals import numbers
from app.predictions import EFFICIENCY, PURITY, Predictions


@METRICS("hit_assignment", primary="hit_f1", better="higher", binned_in="pT [GeV]")
def hit_assignment(predictions: Predictions, *, pt_bins: Edges = PT, eta_bins: Edges = ETA) -> dict[str, Any]:
    """Purity and efficiency of the assignment of hits, by pT and |eta| too.

    The purity is the share of the assigned hits that are the muon's, the efficiency that of the muon's hits that are
    assigned, both at the model's threshold; they are means over events. An event without an assigned hit
    does not enter the purity, one without a hit of the muon does not enter the efficiency.

    Args:
        predictions: of a model that scores hits, on data with `"assignment": true`: columns hit_purity, hit_efficiency.
        pt_bins: rising bin edges of the true pT [GeV].
        eta_bins: rising bin edges of the true |eta|.

    Returns:
        hit_purity, hit_efficiency, hit_f1 (their harmonic mean), events_without_assigned_hits (a share), rows; `bins`,
        a list of `{"low", "high"}` [GeV] with the same keys, and `eta_bins` likewise. A baseline, which
        assigns no hits, has only rows.
    """
    if PURITY not in predictions.columns:
        return {"rows": len(predictions)}

    def summarise(events: Predictions) -> dict[str, Any]:
        purity, efficiency = (events.columns[name] for name in (PURITY, EFFICIENCY))
        pure, efficient = known_mean(purity), known_mean(efficiency)
        f1 = 2 * pure * efficient / (pure + efficient) if pure + efficient > 0 else 0.0
        without = np.mean(np.isnan(purity)) if len(purity) else 0.0
        values = numbers(hit_purity=pure, hit_efficiency=efficient, hit_f1=f1, events_without_assigned_hits=without)
        return {**values, "rows": len(events)}

    return bin_by_pt_eta(predictions, pt_bins, eta_bins, summarise)


def known_mean(values: Any) -> float:
    """Return the mean of the values that are finite; 0 when none is."""
    known = np.asarray(values, np.float64)[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
