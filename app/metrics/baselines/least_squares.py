"""A linear fit of any flat inputs: the baseline of those who bring data of their own."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted, feature_matrix


@BASELINES("least_squares", general=True)
def least_squares(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """Each target as a constant plus a sum of the inputs, with the least squared error on the training events.

    Minimises `sum |a + B x - y|^2`; of inputs that depend on each other the solution of least norm is taken.

    Args:
        train: the inputs (N,) and the truth under `true_<target>`.
        validation: not used.
        targets: names of the targets.

    Returns:
        The baseline; it reads the same inputs.
    """
    names, features = feature_matrix(train)
    centre, width = features.mean(axis=0), features.std(axis=0)
    width[width == 0.0] = 1.0
    truth = np.stack([train[f"true_{target}"] for target in targets], axis=-1).astype(np.float64)
    mean = truth.mean(axis=0)
    slopes: NDArray[np.float64] = np.linalg.lstsq((features - centre) / width, truth - mean, rcond=None)[0]

    def predict(columns: Columns) -> Predicted:
        values = mean + (feature_matrix(columns, names)[1] - centre) / width @ slopes
        return dict(zip(targets, values.T, strict=True))

    return Baseline(f"linear in {len(names)} inputs, fitted to {len(truth):,} training events", predict)
