"""How fast trainings converge, how far each physics term came, and whether they over-fit: from history.json alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.comparison.compared_run import ComparedRun
from app.history import SUMS, flatten_epoch

SHARE = 0.9
"""Share of the final accuracy at which a training counts as converged."""


@dataclass(frozen=True)
class Convergence:
    """How a run's training went; None where its history does not say.

    Attributes:
        epochs: how many there were.
        best_epoch: whose weights were kept.
        at_the_end: whether that was the last one: more epochs would have helped.
        epochs_to_90: the first epoch whose best validation metric so far has 90 % of the final accuracy.
        seconds_to_90: the same in training time, as if all epochs took equally long.
        overfitting: validation loss / training loss at the best epoch.
        terms: training loss of each single term at the best epoch.
        figure: the validation figure that the accuracy is of.
    """

    epochs: int
    best_epoch: int | None
    at_the_end: bool | None
    epochs_to_90: int | None
    seconds_to_90: float | None
    overfitting: float | None
    terms: Mapping[str, float]
    figure: str = ""

    def dump(self) -> dict[str, Any]:
        """Return the same as JSON."""
        return asdict(self)


def describe_convergence(run: ComparedRun) -> Convergence:
    """Return how the training of a run went; of a classical model, which has no epochs, nothing but that.

    The accuracy is that of the first task's leading metric on the validation split, of the loss where the history
    lacks the metric.
    """
    train, val = run.history.get("train", []), run.history.get("val", [])
    best = run.history.get("best_epoch") or None
    task, results = next(iter(run.metrics.items()))
    names = (results["metric"], f"{task}_{results['metric']}")
    name = next((name for name in names if val and name in val[0]), "loss")
    higher_is_better = results["better"] == "higher" and name != "loss"
    epochs_to_90 = epochs_to([_accuracy(epoch.get(name), higher_is_better) for epoch in val])
    overfitting, terms = None, dict[str, float]()
    if best is not None and best <= min(len(train), len(val)):
        validation, training = val[best - 1].get("loss"), train[best - 1].get("loss")
        overfitting = validation / training if validation is not None and training and training > 0 else None
        losses = {key: float(value) for key, value in flatten_epoch(train[best - 1]).items() if key.endswith("_loss")}
        terms = losses if losses.keys() - set(SUMS) else {}
    return Convergence(
        len(train),
        best,
        best == len(train) if best else None,
        epochs_to_90,
        run.training_time * epochs_to_90 / len(train) if epochs_to_90 and run.training_time and train else None,
        overfitting,
        terms,
        f"val_{name}" if epochs_to_90 else "",
    )


def epochs_to(accuracies: Sequence[float], share: float = SHARE) -> int | None:
    """Return the first epoch, counted from 1, with `share` of the final accuracy.

    The final accuracy is the best of all epochs. It is the metric itself where higher is better, and 1 / metric where
    lower is (an error, a loss), so that 90 % of it is reached where the error is at most 1 / 0.9 = 1.11 times the
    smallest.

    >>> epochs_to([1 / 8.0, 1 / 2.2, 1 / 2.0, 1 / 2.1])
    2
    """
    best = max((value for value in accuracies if math.isfinite(value)), default=0.0)
    if best <= 0:
        return None
    return next(number for number, value in enumerate(accuracies, 1) if value >= share * best)


def _accuracy(value: Any, higher_is_better: bool) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return math.nan
    return float(value) if higher_is_better else 1.0 / value if value > 0 else math.nan
