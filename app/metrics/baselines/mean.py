"""The mean of the training targets: the floor under every regression."""

from collections.abc import Sequence

import numpy as np

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted


@BASELINES("mean", floor=True)
def mean(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The mean of every target over the training events, independent of the input.

    It has the least mean squared error of all constants; what does not beat it has learned nothing. Not meant for
    angles that wrap around. Of targets that are 0 or 1 it is the probability of 1.

    Args:
        train: truth under `true_<target>` (N,).
        validation: not used.
        targets: names of the targets.

    Returns:
        The baseline; it reads any one column for the number of rows.
    """
    means = {target: float(np.mean(train[f"true_{target}"], dtype=np.float64)) for target in targets}

    def predict(columns: Columns) -> Predicted:
        rows = len(next(iter(columns.values())))
        return {target: np.full(rows, value) for target, value in means.items()}

    return Baseline("mean of the training targets", predict)
