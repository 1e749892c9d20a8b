"""Resolution of the point of the first interaction."""

from typing import Any

import numpy as np

from app.metrics import METRICS
from app.metrics.direction import opening_angle
from app.metrics.statistics.bins import ENERGIES, Edges, bin_by_energy
from app.metrics.statistics.residuals import numbers, residuals, widths
from app.predictions import Predictions

AXES = ("u", "v", "w")


CENTIMETRES = dict.fromkeys(("uvw", *(f"uvw_{axis}" for axis in AXES)), "cm")


@METRICS("position", primary="uvw_dist_68pct", better="lower", binned_in="E [GeV]", units=CENTIMETRES)
def position(predictions: Predictions, *, energy_bins: Edges = ENERGIES) -> dict[str, Any]:
    """Distance between predicted and true position in the calorimeter, and residuals of its axes, by energy too.

    u runs along the beam, v around it on the inner face, w into the xenon. `val_cos_pos` belongs to the
    direction from u = v = w = 0, a point on the inner face. It says little and is kept for comparison with older runs.

    Args:
        predictions: targets u, v, w [cm].
        energy_bins: rising bin edges of the true energy [GeV].

    Returns:
        uvw_dist_68pct, the 68th percentile of the distance [cm]; val_cos_pos, the mean of 1 - cos of the angle between
        the position vectors; for each axis `uvw_<axis>_` `bias`, `rms` (standard deviation), `68` (half width of the
        central 68 %) and `res_68pct` (68th percentile of |residual|) [cm]; rows; `bins`, a list of `{"low", "high"}`
        [GeV] with the same keys, empty where no energy is known.

    Raises:
        UserError: the task has no such targets.
        WirechamberError: a value is not finite, or there is no row.
    """

    def summarise(events: Predictions) -> dict[str, Any]:
        delta = residuals(events.true, events.predicted, AXES)
        vectors = (
            np.stack([np.asarray(values[axis], np.float64) for axis in AXES], axis=-1)
            for values in (events.true, events.predicted)
        )
        distance = np.linalg.norm([delta[axis] for axis in AXES], axis=0)
        angle = opening_angle(*vectors)
        figures = numbers(uvw_dist_68pct=np.percentile(distance, 68), val_cos_pos=2 * np.mean(np.sin(angle / 2) ** 2))
        for axis in AXES:
            figures |= widths(f"uvw_{axis}", delta[axis])
        return {**figures, "rows": len(events)}

    return bin_by_energy(predictions, energy_bins, summarise)
