"""How fast trainings converge, how far each physics term came, and whether they over-fit: from history.json alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.comparison.compared_run import ComparedRun
from app.history import SUMS, flatten_epoch

SHARE = 0.9
Epochs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Convergence:
    """How a run's training went; None where its history does not say.

    Attributes:
        epochs: how many there were.
        best_epoch: the one with the lowest validation loss, whose weights were kept.
        at_the_end: whether that was the last one: more epochs would have helped.
        epochs_to_90: the first epoch whose best validation figure so far has 90 % of the final accuracy.
        seconds_to_90: the same in training time, as if all epochs took equally long.
        overfitting: validation loss / training loss at the best epoch.
        terms: training loss of each single term at the best epoch.
    """

    epochs: int
    best_epoch: int | None
    at_the_end: bool | None
    epochs_to_90: int | None
    seconds_to_90: float | None
    overfitting: float | None
    terms: Mapping[str, float]

    def dump(self) -> dict[str, Any]:
        """Return the same as JSON."""
        return asdict(self)


def convergence(run: ComparedRun) -> Convergence:
    """Return how the training of a run went; of a classical model, which has no epochs, nothing but that.

    The accuracy is that of the first task's leading figure on the validation split.
    """
    train, val = run.history.get("train", []), run.history.get("val", [])
    best = run.history.get("best_epoch") or None
    quick = epochs_to(_accuracies(run, val))
    known = best is not None and best <= min(len(train), len(val))
    return Convergence(
        len(train),
        best,
        best == len(train) if best else None,
        quick,
        run.training_time * quick / len(train) if quick and run.training_time and train else None,
        _ratio(val[best - 1].get("loss"), train[best - 1].get("loss")) if known and best else None,
        _terms(train[best - 1]) if known and best else {},
    )


def epochs_to(accuracies: Sequence[float], share: float = SHARE) -> int | None:
    """Return the first epoch, counted from 1, with `share` of the final accuracy.

    The final accuracy is the best of all epochs. It is the figure itself where more is better and 1 / figure where less
    is (an error, a loss), so that 90 % of it is reached where the error is at most 1 / 0.9 = 1.11 times the smallest.

    >>> epochs_to([1 / 8.0, 1 / 2.2, 1 / 2.0, 1 / 2.1])
    2
    """
    known = [value for value in accuracies if math.isfinite(value)]
    if not known or max(known) <= 0:
        return None
    return next(number for number, value in enumerate(accuracies, 1) if value >= share * max(known))


def _accuracies(run: ComparedRun, val: Epochs) -> list[float]:
    """Return the accuracy of each epoch, from the loss where the figure is not in the history."""
    task, found = next(iter(run.metrics.items()))
    primary = found["metric"]
    name = next((n for n in (primary, f"{task}_{primary}") if val and n in val[0]), "loss")
    higher = found["better"] == "higher" and name != "loss"
    return [_accuracy(epoch.get(name), higher) for epoch in val]


def _accuracy(value: Any, higher: bool) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return math.nan
    return float(value) if higher else 1.0 / value if value > 0 else math.nan


def _ratio(validation: Any, training: Any) -> float | None:
    return validation / training if validation is not None and training and training > 0 else None


def _terms(epoch: Mapping[str, Any]) -> dict[str, float]:
    found = {name: float(value) for name, value in flatten_epoch(epoch).items() if name.endswith("_loss")}
    return found if found.keys() - set(SUMS) else {}
