"""The centroid of the light: a position, and a direction from the target to it, without a network."""

from collections.abc import Sequence

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns
from app.metrics.statistics.fits import linear_fit

CENTROID = ("centroid_u", "centroid_v", "centroid_w")


@BASELINES(
    "light_centroid",
    inputs=CENTROID,
    targets=("u", "v", "w", "theta", "phi", "direction_x", "direction_y", "direction_z"),
)
def light_centroid(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """Position or direction as a + B * (mean of the sensors' u, v, w, weighted with their photons), fitted.

    The centroid itself is biased towards the middle of the faces, most of all in depth; the fit removes this bias on
    average. Angles are linear in u and v to a few degrees over the acceptance. Not meant for angles that wrap around.

    Args:
        train: centroid_u, centroid_v, centroid_w [cm], and truth under `true_<target>`; (N,).
        validation: not used.
        targets: which of u, v, w [cm], theta, phi [deg], direction_x, direction_y, direction_z to predict.

    Returns:
        The baseline; it reads the centroid.

    Raises:
        WirechamberError: there is no training event with light.
    """
    return linear_fit(train, CENTROID, targets)
