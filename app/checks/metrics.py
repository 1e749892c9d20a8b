"""The figure that a run is judged by must be among those that its metric gives: tried on a few made-up events."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.config import Job, Task
from app.core.errors import UserError, unknown
from app.predictions import Predictions

EVENTS = 8
COLUMNS = ("E", "p", "pT", "eta")
"""Columns by which metrics sort events into bins."""


def check_primary(job: Job) -> None:
    """A misspelt `primary` would end the run after its training, when the results are written."""
    mistakes = []
    for name, task in job.tasks.items():
        figures, primary = try_metric(task), task.metrics[0].component.facts.primary
        if figures and primary not in figures:
            where = ("tasks", name, "metrics", 0, task.metrics[0].name)
            mistakes.append(unknown("primary figure", primary, list(figures), where))
    if mistakes:
        raise UserError(*mistakes)


def try_metric(task: Task) -> Mapping[str, Any]:
    """Return the single figures of a task's leading metric on made-up events, nothing where these do not suit it."""
    for lowest in (0.0, 1.0):  # 0 and 1 are classes as well as numbers; an energy of 0 is none
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                figures = task.metrics[0].build(make_up(task.targets, lowest))
            return {name: value for name, value in figures.items() if not isinstance(value, list)}
        except Exception:
            continue
    return {}


def make_up(targets: Sequence[str], lowest: float) -> Predictions:
    """Return events whose truth and prediction are `lowest` and one more, a quarter of them predicted wrongly."""
    number, ones = np.arange(EVENTS), np.ones(EVENTS)
    return Predictions(
        number.astype(np.uint64),
        dict.fromkeys(targets, lowest + number % 2),
        dict.fromkeys(targets, lowest + (number + (number % 4 == 0)) % 2),
        columns=dict.fromkeys(COLUMNS, 10 * ones),
        sigma=dict.fromkeys(targets, ones),
        probability={f"{target}_{value}": 0.5 * ones for target in targets for value in (0, 1)},
    )
