"""How well the point of the first interaction is measured."""

from typing import Any

import numpy as np

from app.metrics import METRICS
from app.metrics.direction import opening_angle
from app.metrics.statistics.bins import ENERGIES, Edges, by_bin, energy_of
from app.metrics.statistics.residuals import Values, numbers, residuals, widths
from app.predictions import Predictions

AXES = ("u", "v", "w")


@METRICS("position", primary="uvw_dist_68pct", better="lower", binned_in="E [GeV]")
def position(predictions: Predictions, *, energy_bins: Edges = ENERGIES) -> dict[str, Any]:
    """Distance between predicted and true position in the calorimeter, and residuals of its axes, by energy too.

    u runs along the beam, v around it on the inner face, w into the xenon. `val_cos_pos` is that of the direction from
    u = v = w = 0, which is a point on the inner face: it tells little, and is here because it has been looked at.

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
    return {**_summary(predictions), "bins": by_bin(predictions, energy_of(predictions), energy_bins, _summary)}


def _summary(predictions: Predictions) -> dict[str, Any]:
    delta = residuals(predictions.true, predictions.predicted, AXES)
    distance = np.linalg.norm([delta[axis] for axis in AXES], axis=0)
    angle = opening_angle(_vector(predictions.true), _vector(predictions.predicted))
    found = numbers(uvw_dist_68pct=np.percentile(distance, 68), val_cos_pos=2 * np.mean(np.sin(angle / 2) ** 2))
    for axis in AXES:
        found |= widths(f"uvw_{axis}", delta[axis])
    return {**found, "rows": len(predictions)}


def _vector(values: Values) -> Any:
    return np.stack([np.asarray(values[axis], np.float64) for axis in AXES], axis=-1)
