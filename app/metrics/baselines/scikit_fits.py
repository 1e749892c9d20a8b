"""What scikit-learn makes of any flat inputs in seconds: a logistic fit and gradient boosting."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted, feature_matrix

MOST_ROWS = 50_000
"""Training events that are fitted to at most, so that a baseline takes seconds."""


@BASELINES("logistic_fit", general=True, classes=True)
def logistic_fit(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The class that is most probable by a logistic fit: log p_k = a_k + b_k x + constant.

    The inputs are standardised and the coefficients weakly bound (L2, C = 1). Of the classes 0 and 1 it predicts the
    probability of 1, as a sigmoid does, of others that of each.

    Args:
        train: the inputs (N,) and the truth under `true_<target>`, numbers of classes.
        validation: not used.
        targets: names of the targets.

    Returns:
        The baseline; it reads the same inputs.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return fit_each(
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)), "logistic fit", train, targets
    )


@BASELINES("boosted_trees", general=True)
def boosted_trees(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """Gradient boosting of 100 regression trees of at most 31 leaves: what tables of columns are often learned with.

    Args:
        train: the inputs (N,) and the truth under `true_<target>`.
        validation: not used.
        targets: names of the targets, each of which has trees of its own.

    Returns:
        The baseline; it reads the same inputs.

    References:
        J. H. Friedman, Greedy function approximation: a gradient boosting machine (2001), doi:10.1214/aos/1013203451.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    return fit_each(lambda: HistGradientBoostingRegressor(random_state=0), "100 boosted trees", train, targets)


@BASELINES("boosted_classes", general=True, classes=True)
def boosted_classes(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The class that is most probable by gradient boosting, as `boosted_trees` for numbers.

    Of the classes 0 and 1 it predicts the probability of 1, as a sigmoid does, of others that of each.

    Args:
        train: the inputs (N,) and the truth under `true_<target>`, numbers of classes.
        validation: not used.
        targets: names of the targets.

    Returns:
        The baseline; it reads the same inputs.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    return fit_each(lambda: HistGradientBoostingClassifier(random_state=0), "100 boosted trees", train, targets)


def fit_each(make: Callable[[], Any], what: str, train: Columns, targets: Sequence[str]) -> Baseline:
    """Return the baseline that fits what `make` makes to each target; of one class it names that class."""
    names, features = feature_matrix(train)
    fitted: dict[str, Any] = {}
    for target in targets:
        truth = np.asarray(train[f"true_{target}"], np.float64)[:MOST_ROWS]
        alone = len(np.unique(truth)) == 1
        fitted[target] = float(truth[0]) if alone else make().fit(features[:MOST_ROWS], truth)

    def predict(columns: Columns) -> Predicted:
        rows, predicted = feature_matrix(columns, names)[1], Predicted()
        for target, model in fitted.items():
            alone = isinstance(model, float)
            predicted |= {target: np.full(len(rows), model)} if alone else _answer(target, model, rows)
        return predicted

    used = min(len(features), MOST_ROWS)
    of = f"{used:,}" if used == len(features) else f"the first {used:,} of {len(features):,}"
    return Baseline(f"{what} of {len(names)} inputs, fitted to {of} training events", predict)


def _answer(target: str, model: Any, rows: NDArray[np.float64]) -> Predicted:
    """Return values (N,), of the classes 0 and 1 the probability of 1, of others the class and their probabilities."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return {target: np.asarray(model.predict(rows), np.float64)}
    known = model.predict_proba(rows)
    if np.array_equal(classes, (0, 1)):
        return {target: known[:, 1]}
    probability = {f"{target}_{k}": np.zeros(len(rows)) for k in range(int(classes[-1]) + 1)}
    probability |= {f"{target}_{k:.0f}": known[:, position] for position, k in enumerate(classes)}
    return {target: classes[np.argmax(known, axis=1)], **probability}
