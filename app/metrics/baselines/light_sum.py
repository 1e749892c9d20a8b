"""The sum of the light: an energy without a network."""

from collections.abc import Sequence

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns
from app.metrics.statistics.fits import linear_fit


@BASELINES("light_sum", inputs=("light",), targets=("energy",))
def light_sum(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The energy as a + b * (sum of the photons of all sensors), fitted on the training events.

    This ignores where the light fell. The light that is collected depends on the depth and on the distance to the
    faces, so that a network can improve on it.

    Args:
        train: light, and truth under `true_energy` [GeV]; (N,).
        validation: not used.
        targets: energy.

    Returns:
        The baseline; it reads light.

    Raises:
        WirechamberError: there is no training event.
    """
    return linear_fit(train, ("light",), targets)
