"""How well the hits of a muon are told from noise and from those of other muons."""

from typing import Any

import numpy as np

from app.metrics import METRICS
from app.metrics.statistics.bins import ETA, PT, Edges, binned
from app.metrics.statistics.residuals import numbers
from app.predictions import EFFICIENCY, PURITY, Predictions


@METRICS("hit_assignment", primary="hit_f1", better="higher", binned_in="pT [GeV]")
def hit_assignment(predictions: Predictions, *, pt_bins: Edges = PT, eta_bins: Edges = ETA) -> dict[str, Any]:
    """Purity and efficiency of the assignment of hits, by pT and |eta| too.

    The purity is the share of the assigned hits that are the muon's, the efficiency that of the muon's hits that are
    assigned, both at the model's threshold; they are means over events, of which those without an assigned hit, or
    without one of the muon, have no part in the one or the other.

    Args:
        predictions: of a model that scores hits, on data with `"assignment": true`: columns hit_purity, hit_efficiency.
        pt_bins: rising bin edges of the true pT [GeV].
        eta_bins: rising bin edges of the true |eta|.

    Returns:
        hit_purity, hit_efficiency, hit_f1 (their harmonic mean), events_without_assigned_hits (a share), rows; `bins`,
        a list of `{"low", "high"}` [GeV] with the same keys, and `eta_bins` likewise. Of a baseline, which
        assigns nothing, rows alone.
    """
    if PURITY not in predictions.columns:
        return {"rows": len(predictions)}
    return binned(predictions, pt_bins, eta_bins, _summary)


def _summary(predictions: Predictions) -> dict[str, Any]:
    purity, efficiency = (predictions.columns[name] for name in (PURITY, EFFICIENCY))
    pure, found = _mean(purity), _mean(efficiency)
    f1 = 2 * pure * found / (pure + found) if pure + found > 0 else 0.0
    without = np.mean(np.isnan(purity)) if len(purity) else 0.0
    values = numbers(hit_purity=pure, hit_efficiency=found, hit_f1=f1, events_without_assigned_hits=without)
    return {**values, "rows": len(predictions)}


def _mean(values: Any) -> float:
    """Return the mean of those that are known, 0 where none is."""
    known = np.asarray(values, np.float64)[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
