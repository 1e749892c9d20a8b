"""Resolution of a direction: the angle between prediction and truth, and the residuals of the emission angles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics import METRICS
from app.metrics.statistics.bins import ENERGIES, Edges, bin_by_energy
from app.metrics.statistics.residuals import Values, numbers, residuals, widths
from app.physics.directions import DEGREE, emission_angles, emission_vector, unit
from app.predictions import Predictions

ANGLES = ("theta", "phi")
COMPONENTS = ("direction_x", "direction_y", "direction_z")


DEGREES = dict.fromkeys(("angle", *ANGLES), "deg")


@METRICS("direction", primary="angle_resolution_68pct", better="lower", binned_in="E [GeV]", units=DEGREES)
def direction(predictions: Predictions, *, energy_bins: Edges = ENERGIES) -> dict[str, Any]:
    """Opening angle between predicted and true emission direction, and residuals of theta and phi, by energy too.

    The direction is (-sin theta cos phi, sin theta sin phi, cos theta), from the angles or from its own components,
    whose length does not matter. The residual of phi is wrapped into -180 .. 180 degrees. A prediction without a
    direction counts as one at 90 degrees.

    Args:
        predictions: targets theta, phi [deg] or direction_x, direction_y, direction_z.
        energy_bins: rising bin edges of the true energy [GeV].

    Returns:
        val_cos, the mean of 1 - cos of the opening angle (0 to 2); angle_resolution_68pct, its 68th percentile [deg];
        `theta_` and `phi_` `bias`, `rms` (standard deviation), `68` (half width of the central 68 %) and `res_68pct`
        (68th percentile of |residual|) [deg]; rows; `bins`, a list of `{"low", "high"}` [GeV] with the same keys,
        empty where no energy is known.

    Raises:
        UserError: the task has no such targets.
        WirechamberError: a value is not finite, or there is no row.
    """
    names = COMPONENTS if set(COMPONENTS) <= set(predictions.true) else ANGLES

    def summarise(events: Predictions) -> dict[str, Any]:
        residuals(events.true, events.predicted, names)
        true, predicted = (both_forms(values, names) for values in (events.true, events.predicted))
        angle = opening_angle(true[0], predicted[0])
        theta, phi = (predicted[1][i] - true[1][i] for i in (0, 1))
        cosine_loss, resolution = 2 * np.mean(np.sin(angle / 2) ** 2), np.percentile(angle, 68) / DEGREE
        return {
            **numbers(val_cos=cosine_loss, angle_resolution_68pct=resolution),
            **widths("theta", theta),
            **widths("phi", (phi + 180) % 360 - 180),
            "rows": len(events),
        }

    return bin_by_energy(predictions, energy_bins, summarise)


def opening_angle(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Return the angles [rad] between vectors (N, D) in full precision; 90 degrees where a vector has no length.

    The angle is 2 atan2(|a - b|, |a + b|) of the unit vectors; the arccos of their product cannot resolve 1e-8.
    """
    a, b = (unit(np.asarray(vector, np.float64)) for vector in (one, other))
    angle: NDArray[np.float64] = 2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    return angle


def both_forms(values: Values, names: tuple[str, ...]) -> tuple[NDArray[Any], tuple[Any, Any]]:
    """Return a direction, given by the columns `names`, as a vector (N, 3) and as theta, phi [deg], (N,) each."""
    columns = [np.asarray(values[name], np.float64) for name in names]
    if names == ANGLES:
        return np.stack(emission_vector(*columns), axis=-1), (columns[0], columns[1])
    return np.stack(columns, axis=-1), emission_angles(*columns)
