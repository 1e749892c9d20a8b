"""How well events are sorted into classes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics import METRICS
from app.metrics._bins import ENERGIES, Edges, by_bin, energy_of
from app.metrics._classes import LEAST, area, as_classes, probabilities, roc
from app.metrics._finite import numbers
from app.predictions import Predictions


@METRICS("classification", primary="accuracy", better="higher", binned_in="E [GeV]")
def classification(predictions: Predictions, *, energy_bins: Edges = ENERGIES) -> dict[str, Any]:
    """Accuracy, area under the ROC curve, log loss and confusion of classes, by energy too.

    The accuracy of always naming the most frequent class is its share: hold it against that baseline, or look at the
    balanced accuracy, the mean over the classes of the share that is recognised, which guessing brings to 1 / K.

    Args:
        predictions: targets that are numbers of classes, with their probabilities where they are known, or
            probabilities of 1 where there are two.
        energy_bins: rising bin edges of the true energy [GeV].

    Returns:
        accuracy; balanced_accuracy over the classes that occur; with probabilities log_loss, the mean of -log p of the
        true class, and auc, the area under the ROC curve of each class against the rest, averaged over the classes that
        occur beside others (absent when none does); confusion, a list with a list for each true class of how many
        events are predicted as each class; rows; `bins`, a list of `{"low", "high"}` [GeV] with the same keys, empty
        where no energy is known. Of several targets all keys stand under `<target>_<key>`, their means under `<key>`.

    Raises:
        WirechamberError: a value is not finite or not a class, or there is no row.
    """
    found, counts = as_classes(predictions)
    summary = partial(_summary, counts=counts)
    return {**summary(found), "bins": by_bin(found, energy_of(predictions), energy_bins, summary)}


def _summary(predictions: Predictions, counts: Mapping[str, int]) -> dict[str, Any]:
    each = {target: _of_target(predictions, target, count) for target, count in counts.items()}
    if len(each) == 1:
        return {**next(iter(each.values())), "rows": len(predictions)}
    common = [k for k in next(iter(each.values())) if k != "confusion" and all(k in one for one in each.values())]
    means = {key: float(np.mean([one[key] for one in each.values()])) for key in common}
    single = {f"{target}_{key}": value for target, one in each.items() for key, value in one.items()}
    return {**means, **single, "rows": len(predictions)}


def _of_target(predictions: Predictions, target: str, count: int) -> dict[str, Any]:
    true, predicted = (np.asarray(v[target], np.intp) for v in (predictions.true, predictions.predicted))
    confusion = confusion_matrix(true, predicted, count)
    occurs = confusion.sum(axis=1) > 0
    right = confusion.diagonal()[occurs]
    found = numbers(accuracy=right.sum() / len(true), balanced_accuracy=(right / confusion.sum(axis=1)[occurs]).mean())
    probability = probabilities(predictions.probability, target, count)
    if probability is not None:
        found |= _of_probability(true, probability)
    return {**found, "confusion": confusion.tolist()}


def confusion_matrix(true: NDArray[np.intp], predicted: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return how many events of each true class (row) are predicted as each class (column), (count, count)."""
    return np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)


def _of_probability(true: NDArray[np.intp], probability: NDArray[np.float64]) -> dict[str, float]:
    of_true = probability[np.arange(len(true)), true]
    loss = -np.log(np.maximum(of_true, LEAST)).mean()
    curves = [roc(true == k, score) for k, score in enumerate(probability.T) if 0 < np.sum(true == k) < len(true)]
    return numbers(log_loss=loss, **({"auc": np.mean([area(*curve) for curve in curves])} if curves else {}))
