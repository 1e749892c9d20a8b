"""The first light: a time without a network."""

from collections.abc import Sequence

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns
from app.metrics.statistics.fits import linear_fit


@BASELINES("first_light", inputs=("time_first",), targets=("time",))
def first_light(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The time as a + b * (earliest time of a sensor), fitted on the training events.

    The offset removes the mean flight time of the light. An event in which no sensor has a time gets the mean time.

    Args:
        train: time_first [s], and truth under `true_time` [s]; (N,).
        validation: not used.
        targets: time.

    Returns:
        The baseline; it reads time_first.

    Raises:
        WirechamberError: there is no training event with a time.
    """
    return linear_fit(train, ("time_first",), targets)
