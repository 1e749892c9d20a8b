"""Resolution of the time of an event."""

from typing import Any

from app.metrics import METRICS
from app.metrics.statistics.bins import ENERGIES, Edges, bin_by_energy
from app.metrics.statistics.residuals import residuals, widths
from app.predictions import Predictions


@METRICS("timing", primary="time_res_68pct", better="lower", binned_in="E [GeV]", units={"time": "s"})
def timing(predictions: Predictions, *, energy_bins: Edges = ENERGIES) -> dict[str, Any]:
    """Residual of the time, by energy too: the resolution improves with the light, as 1 / sqrt(E).

    Args:
        predictions: target time [s].
        energy_bins: rising bin edges of the true energy [GeV].

    Returns:
        time_bias, time_rms (standard deviation), time_68 (half width of the central 68 %) and time_res_68pct (68th
        percentile of |residual|) [s]; rows; `bins`, a list of `{"low", "high"}` [GeV] with the same keys, empty where
        no energy is known.

    Raises:
        UserError: the task has no such target.
        WirechamberError: a value is not finite, or there is no row.
    """

    def summarise(events: Predictions) -> dict[str, Any]:
        delta = residuals(events.true, events.predicted, ("time",))["time"]
        return {**widths("time", delta), "rows": len(events)}

    return bin_by_energy(predictions, energy_bins, summarise)
