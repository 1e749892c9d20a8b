"""Resolution of the direction of a muon: pseudorapidity and azimuth."""

from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.metrics import METRICS
from app.metrics.statistics.bins import ETA, PT, Edges, bin_by_pt_eta
from app.metrics.statistics.residuals import numbers, residuals, widths
from app.predictions import Predictions


@METRICS("muon_direction", primary="delta_r_68pct", better="lower", binned_in="pT [GeV]", units={"phi": "rad"})
def muon_direction(predictions: Predictions, *, pt_bins: Edges = PT, eta_bins: Edges = ETA) -> dict[str, Any]:
    """Residuals of eta and phi, and their combination Delta R, by pT and |eta| too.

    The residual of phi is wrapped into -pi .. pi. Delta R = sqrt(Delta eta^2 + Delta phi^2); a task with only
    one of the two targets has the |residual| of that target instead.

    Args:
        predictions: targets eta, phi [rad], or one of them.
        pt_bins: rising bin edges of the true pT [GeV].
        eta_bins: rising bin edges of the true |eta|.

    Returns:
        delta_r_68pct, the 68th percentile, and delta_r_median; `eta_` and `phi_` `bias`, `rms` (standard deviation),
        `68` (half width of the central 68 %) and `res_68pct` (68th percentile of |residual|); rows; `bins`, a list of
        `{"low", "high"}` [GeV] with the same keys, and `eta_bins` likewise, of |eta|.

    Raises:
        UserError: neither is a target.
        WirechamberError: a value is not finite, or there is no row.
    """
    targets = tuple(name for name in ("eta", "phi") if name in predictions.true)
    if not targets:
        expected = "the targets [eta, phi], or one of them"
        raise UserError(
            Problem("the metric needs a direction", ("targets",), expected=expected, received=list(predictions.true))
        )

    def summarise(events: Predictions) -> dict[str, Any]:
        delta = residuals(events.true, events.predicted, targets)
        if "phi" in delta:
            delta["phi"] = (delta["phi"] + np.pi) % (2 * np.pi) - np.pi
        distance = np.sqrt(sum(values**2 for values in delta.values()))
        figures = numbers(delta_r_68pct=np.percentile(distance, 68), delta_r_median=np.median(distance))
        for name, values in delta.items():
            figures |= widths(name, values)
        return {**figures, "rows": len(events)}

    return bin_by_pt_eta(predictions, pt_bins, eta_bins, summarise)
