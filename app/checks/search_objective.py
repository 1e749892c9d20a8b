"""What a search may judge trials by: the validation figures that a job logs, and which direction is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from app.config import Job, Task
from app.config.derived_jobs import search_of
from app.core.errors import Problem, UserError, WirechamberError, nearest
from app.evaluation.metrics import merge_tasks, task_metrics
from app.predictions import Predictions

Direction = Literal["min", "max"]
EVENTS = 64
HIGHER = ("accuracy", "auc", "f1", "precision", "recall")
NEITHER = ("bias", "pull_mean", "pull_std", "coverage", "rows")
"""Figures that are best at a value between: neither the lowest nor the highest is wanted."""
PREFIX = "val_"


def key(objective: str) -> str:
    """Return the name of an objective in the validation entries of history.json."""
    return objective.removeprefix(PREFIX)


def direction(job: Job) -> Direction:
    """Return whether the search wants the lowest or the highest value; `hyperopt.direction` has the last word.

    Raises:
        UserError: the figure may be good low or high.
    """
    search = search_of(job)
    name = key(search.objective)
    if search.direction is not None:
        return search.direction
    if name == "loss" or name.endswith("_loss"):
        return "min"
    facts = {m.component.facts.primary: m.component.facts for task in job.tasks.values() for m in task.metrics}
    own = next((facts[primary] for primary in facts if name == primary or name.endswith(f"_{primary}")), None)
    if own is not None:
        return "min" if own.better == "lower" else "max"
    if any(name.endswith(word) for word in HIGHER):
        return "max"
    if any(word in name for word in NEITHER) or any(one.better == "higher" for one in facts.values()):
        what = f"cannot tell whether a low or a high {name!r} is better"
        raise UserError(Problem(what, ("hyperopt", "objective"), expected="'direction': 'min' or 'max'"))
    return "min"


def check_objective(job: Job) -> None:
    """Refuse an objective that the job never logs; what cannot be known before the data are read is not refused."""
    search = search_of(job)
    names, complete = logged(job)
    if complete and key(search.objective) not in names:
        raise UserError(never_logged(search.objective, names).under("hyperopt"))
    direction(job)


def never_logged(objective: str, names: Any) -> Problem:
    """Say that an objective is never logged, and what is."""
    known = sorted(f"{PREFIX}{name}" for name in names)
    expected = f"one of [{', '.join(known)}]"
    return Problem(
        "never logged by this job",
        ("objective",),
        nearest=nearest(objective, known),
        expected=expected,
        received=objective,
    )


def logged(job: Job) -> tuple[list[str], bool]:
    """Return the names of the validation figures, and whether these are all: physics terms have names of their own."""
    names = {"loss": 0.0, "data_loss": 0.0}
    complete = not job.constraints
    if len(job.tasks) > 1 or job.constraints:
        names |= {f"{task}_loss": 0.0 for task in job.tasks}
    try:
        names |= merge_tasks({name: task_metrics(_invented(task), task) for name, task in job.tasks.items()})
    except (WirechamberError, ArithmeticError, LookupError, TypeError, ValueError):
        complete = False  # a metric that wants more than invented events have
    return [name for name in names if name != "rows"], complete


def _invented(task: Task) -> Predictions:
    """Return a few events that could be predictions of a task: only the names of their figures are looked at."""
    rng = np.random.default_rng(0)
    classes = task.head.component.facts.gives == "logits"

    def drawn() -> Any:
        return np.arange(EVENTS) % 2 if classes else rng.uniform(0.1, 0.9, EVENTS)

    true, predicted = ({target: drawn() for target in task.targets} for _ in range(2))
    probability: Mapping[str, Any] = {}
    if classes:
        probability = {f"{target}_{k}": np.full(EVENTS, 0.5) for target in task.targets for k in range(2)}
    sigma = {target: np.ones(EVENTS) for target in task.targets} if task.head.name == "gaussian" else {}
    return Predictions(np.arange(EVENTS, dtype=np.uint64), true, predicted, {}, {}, sigma, probability)
