"""How well an energy is measured."""

from typing import Any

import numpy as np

from app.core.errors import WirechamberError
from app.metrics import METRICS
from app.metrics.statistics.bins import ENERGIES, Edges, bin_by_energy
from app.metrics.statistics.residuals import residuals, widths
from app.predictions import Predictions


@METRICS("energy", primary="energy_res_68pct", better="lower", binned_in="E [GeV]")
def energy(predictions: Predictions, *, energy_bins: Edges = ENERGIES) -> dict[str, Any]:
    """Residual of the energy, absolute and relative to the true one, by energy too.

    Args:
        predictions: target energy [GeV], above 0 in truth.
        energy_bins: rising bin edges of the true energy [GeV].

    Returns:
        energy_bias, energy_rms (standard deviation), energy_68 (half width of the central 68 %) and energy_res_68pct
        (68th percentile of |residual|) [GeV]; energy_relative_bias, energy_relative_rms, energy_relative_68 and
        energy_relative_res_68pct, the same of (prediction - truth) / truth; rows; `bins`, a list of
        `{"low", "high"}` [GeV] with the same keys.

    Raises:
        UserError: the task has no such target.
        WirechamberError: a value is not finite, a true energy is not above 0, or there is no row.
    """

    def summarise(events: Predictions) -> dict[str, Any]:
        delta = residuals(events.true, events.predicted, ("energy",))["energy"]
        true = np.asarray(events.true["energy"], np.float64)
        empty = np.count_nonzero(true <= 0)
        if empty:
            raise WirechamberError(f"{empty} of {len(true)} true values of energy are not above 0")
        return {**widths("energy", delta), **widths("energy_relative", delta / true), "rows": len(events)}

    return bin_by_energy(predictions, energy_bins, summarise)
