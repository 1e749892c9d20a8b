"""Targets that are classes: their numbers, their probabilities, ROC curves, and the charge as a score."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.metrics.statistics.residuals import residuals
from app.predictions import Predictions, Values

LEAST = float(np.finfo(np.float32).tiny)
"""In a logarithm a probability that has been rounded to 0 counts as this value."""


def classes_of(predictions: Predictions) -> list[str]:
    """Return the targets that are classes: those with probabilities, or 0 and 1 in truth and predicted as one."""
    with_probability = {name.rpartition("_")[0] for name in predictions.probability}
    both = {target: (true, predictions.predicted[target]) for target, true in predictions.true.items()}
    return [
        target
        for target, (true, predicted) in both.items()
        if target in with_probability
        or (np.array_equal(np.unique(true), (0, 1)) and (predicted >= 0).all() and (predicted <= 1).all())
    ]


def has_probability(predictions: Predictions, target: str) -> bool:
    """Return whether the probabilities of a class are known, or it is predicted as the probability of 1."""
    return f"{target}_0" in predictions.probability or not _whole(predictions.predicted[target])


def as_classes(predictions: Predictions) -> tuple[Predictions, dict[str, int]]:
    """Return the predictions with numbers of classes, and how many classes each target has.

    A target predicted as the probability of 1 (head `sigmoid`) becomes two classes with probabilities.

    Raises:
        WirechamberError: a value is not finite or not a class, or there is no row.
    """
    residuals(predictions.true, predictions.predicted, tuple(predictions.true))
    predicted, probability = dict(predictions.predicted), dict(predictions.probability)
    for target, values in predictions.predicted.items():
        if f"{target}_0" not in probability and not _whole(values):
            if np.min(values) < 0 or np.max(values) > 1:
                raise WirechamberError(f"the predicted values of {target} are neither classes nor probabilities")
            predicted[target] = np.asarray(values >= 0.5, np.float64)
            probability |= {f"{target}_0": 1 - values, f"{target}_1": values}
    events = replace(predictions, predicted=predicted, probability=probability)
    return events, {target: count_classes(events, target) for target in events.true}


def probabilities(values: Mapping[str, Values], target: str, count: int) -> NDArray[np.float64] | None:
    """Return the probabilities of the classes of `target`, (N, count), or None where they are not known."""
    names = [f"{target}_{k}" for k in range(count)]
    known = [np.asarray(values[name], np.float64) for name in names if name in values]
    return np.stack(known, axis=-1) if len(known) == count else None


def roc(is_class: NDArray[np.bool_], score: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return false and true positive rate for every cut on `score`, the tightest first; needs events of both kinds.

    Events of equal score pass a cut together: between them the curve is a straight line.
    """
    order = np.argsort(-score, kind="stable")
    passed = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    right = np.cumsum(is_class[order])[passed]
    wrong = passed + 1 - right
    return np.append(0.0, wrong / wrong[-1]), np.append(0.0, right / right[-1])


def area(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return the area below the straight lines between points."""
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def _whole(values: Values) -> bool:
    return bool(np.array_equal(values, np.round(values)))


def count_classes(predictions: Predictions, target: str) -> int:
    """Return the number of classes of a target, at least 2.

    Raises:
        WirechamberError: a value is not a whole number from 0, or has no probability where others have.
    """
    true, predicted = predictions.true[target], predictions.predicted[target]
    for kind, values in (("true", true), ("predicted", predicted)):
        if not _whole(values) or np.min(values) < 0:
            raise WirechamberError(f"the {kind} values of {target} are not numbers of classes: 0, 1, 2, ...")
    known = sum(name.rpartition("_")[0] == target for name in predictions.probability)
    count = 1 + int(max(np.max(true), np.max(predicted)))
    if 0 < known < count:
        raise WirechamberError(f"class {count - 1} of {target} is none of the {known} that have a probability")
    return max(count, known, 2)


TOTAL = "charge_total"
OF_PLANES = ("charge_u", "charge_v", "charge_x")
CHARGES = (TOTAL, *OF_PLANES)
"""The columns with charges, one of which is enough."""


def log_charge(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
    """Return ln of the total charge (N,), from `charge_total` or the sum of the planes; None where no charge is known.

    It is 0 below one ADC count, where only undershoots are left.
    """
    known = [columns[name] for name in ([TOTAL] if TOTAL in columns else OF_PLANES) if name in columns]
    if not known:
        return None
    total = np.sum([np.asarray(charge, np.float64) for charge in known], axis=0)
    return np.asarray(np.log(np.maximum(total, 1.0)))
