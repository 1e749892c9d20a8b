"""The most frequent class of the training events: the floor under every classification."""

from collections.abc import Sequence

import numpy as np

from app.core.errors import WirechamberError
from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted


@BASELINES("most_frequent", floor=True, classes=True)
def most_frequent(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The class that most training events have, independent of the input; the lowest of several.

    Its accuracy is that class's share: what does not beat it has learned nothing.

    Args:
        train: truth under `true_<target>` (N,), numbers of classes.
        validation: not used.
        targets: names of the targets.

    Returns:
        The baseline; it reads any one column for the number of rows.

    Raises:
        WirechamberError: there is no training event.
    """
    classes = {}
    for target in targets:
        values, counts = np.unique(np.asarray(train[f"true_{target}"], np.float64), return_counts=True)
        if not len(values):
            raise WirechamberError("no training events")
        classes[target] = float(values[np.argmax(counts)])

    def predict(columns: Columns) -> Predicted:
        rows = len(next(iter(columns.values())))
        return {target: np.full(rows, value) for target, value in classes.items()}

    named = ", ".join(f"{target} = {value:g}" for target, value in classes.items())
    return Baseline(f"most frequent class of the training events: {named}", predict)
