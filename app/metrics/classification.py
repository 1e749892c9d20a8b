"""Accuracy, ROC curves and confusion of classes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics import METRICS
from app.metrics.statistics.bins import Edges, by_bin, edges_for, energy_of
from app.metrics.statistics.classes import LEAST, area, as_classes, log_charge, probabilities, roc
from app.metrics.statistics.residuals import numbers
from app.predictions import Predictions

BY_CHARGE = " by charge"
"""Suffix of the column with the score of an event from its charge alone, after the target's name."""


@METRICS("classification", primary="accuracy", better="higher", binned_in="E [GeV]")
def classification(predictions: Predictions, *, energy_bins: Edges | None = None) -> dict[str, Any]:
    """Accuracy, F1, area under the ROC curve, log loss and confusion of classes, by energy too.

    A classifier that always names the most frequent class has the share of that class as its accuracy: compare with
    this baseline, or use the balanced accuracy, the mean over the classes of the share that is recognised, which is
    1 / K for guesses.

    Anything that grows with the energy separates classes of different energies. Where the charge of the events is known
    `auc_charge` is the area that the sum of the charge alone has, on the side that is right for most of all events. In
    a bin of energy it is near 1/2, and an `auc` above it comes from the image.

    Args:
        predictions: targets that are numbers of classes, with their probabilities where they are known, or
            probabilities of 1 where there are two.
        energy_bins: rising bin edges of the true energy [GeV]; without them those of six bins with equally many events.

    Returns:
        accuracy; balanced_accuracy over the classes that occur; precision, recall and f1 of class 1 of two, or their
        means over those of more classes that occur (0 for one that is never named; absent when there is none); with
        probabilities log_loss, the mean of -log p of the true class, and auc, the area under the ROC curve of each
        class against the rest, averaged over the classes that occur next to others (absent when none does); auc_charge
        of two classes; confusion, a list with a list for each true class of how many events are predicted as each
        class; rows; `bins`, a list of `{"low", "high"}` [GeV] with the same keys, empty where no energy is known. Of
        several targets all keys are given as `<target>_<key>`, their means under `<key>`.

    Raises:
        WirechamberError: a value is not finite or not a class, or there is no row.
    """
    events, counts = as_classes(predictions)
    events = add_charge_scores(events, counts)
    energy = energy_of(predictions)

    def summarise(events: Predictions) -> dict[str, Any]:
        each = {target: target_summary(events, target, count) for target, count in counts.items()}
        if len(each) == 1:
            return {**next(iter(each.values())), "rows": len(events)}
        first, *others = each.values()
        common = [key for key in first if key != "confusion" and all(key in figures for figures in others)]
        means = {key: float(np.mean([figures[key] for figures in each.values()])) for key in common}
        single = {f"{target}_{key}": value for target, figures in each.items() for key, value in figures.items()}
        return {**means, **single, "rows": len(events)}

    return {**summarise(events), "bins": by_bin(events, energy, edges_for(energy, energy_bins), summarise)}


def add_charge_scores(predictions: Predictions, counts: Mapping[str, int]) -> Predictions:
    """Return the predictions with a score from the charge alone for every target of two classes.

    Its side is chosen once, on all events: chosen in each bin, its area would be above 1/2 by chance.
    """
    charge = log_charge(predictions.columns)
    if charge is None or not np.isfinite(charge).all():
        return predictions
    scores = {}
    for target, count in counts.items():
        is_one = predictions.true[target] == 1
        if count == 2 and 0 < is_one.sum() < len(is_one):
            side = 1.0 if area(*roc(is_one, charge)) >= 0.5 else -1.0
            scores[f"{target}{BY_CHARGE}"] = side * charge
    return replace(predictions, columns={**predictions.columns, **scores})


def target_summary(predictions: Predictions, target: str, count: int) -> dict[str, Any]:
    """Return the metrics of one target with `count` classes; see `classification` for the keys."""
    true, predicted = (np.asarray(v[target], np.intp) for v in (predictions.true, predictions.predicted))
    confusion = confusion_matrix(true, predicted, count)
    occurs = confusion.sum(axis=1) > 0
    recall = confusion.diagonal()[occurs] / confusion.sum(axis=1)[occurs]
    figures = numbers(accuracy=confusion.diagonal()[occurs].sum() / len(true), balanced_accuracy=recall.mean())
    figures |= decision_summary(confusion)
    probability = probabilities(predictions.probability, target, count)
    if probability is not None:
        of_true = probability[np.arange(len(true)), true]
        figures |= numbers(log_loss=-np.log(np.maximum(of_true, LEAST)).mean())
        curves = [roc(true == k, score) for k, score in enumerate(probability.T) if 0 < np.sum(true == k) < len(true)]
        figures |= numbers(auc=np.mean([area(*curve) for curve in curves])) if curves else {}
    score = predictions.columns.get(f"{target}{BY_CHARGE}")
    if score is not None and 0 < np.sum(true == 1) < len(true):
        figures |= numbers(auc_charge=area(*roc(true == 1, score)))
    return {**figures, "confusion": confusion.tolist()}


def decision_summary(confusion: NDArray[np.intp]) -> dict[str, float]:
    """Return precision, recall and F1 of class 1 of two, or their means over the classes that occur.

    Precision is TP / (TP + FP), recall TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN).

    Args:
        confusion: events of each true class (row) predicted as each class (column), (count, count).
    """
    right, named, there = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    chosen = (there > 0) & ((np.arange(len(there)) == 1) | (len(there) > 2))
    if not chosen.any():
        return {}
    right, named, there = right[chosen], named[chosen], there[chosen]
    precision, recall, f1 = right / np.maximum(named, 1), right / there, 2 * right / (named + there)
    return numbers(precision=precision.mean(), recall=recall.mean(), f1=f1.mean())


def confusion_matrix(true: NDArray[np.intp], predicted: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return how many events of each true class (row) are predicted as each class (column), (count, count)."""
    return np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)
