"""The figure that a run is judged by must be among those that its metric gives: tried on a few made-up events."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError, unknown
from app.predictions import Predictions

EVENTS = 8
COLUMNS = ("E", "p", "pT", "eta")
"""Columns by which metrics sort events into bins."""


def check_metrics(job: Job) -> None:
    """A metric of other targets, or a misspelt `primary`, would end the run when the results are written."""
    mistakes = list[Problem]()
    for name, task in job.tasks.items():
        for position, metric in enumerate(task.metrics):
            where = ("tasks", name, "metrics", position, metric.name)
            try:
                figures = try_metric(metric, task.targets)
            except UserError as error:
                mistakes += error.under(*where).problems
                continue
            primary = metric.component.facts.primary
            if position == 0 and figures and primary not in figures:
                mistakes.append(unknown("primary figure", primary, list(figures), where))
    if mistakes:
        raise UserError(*mistakes)


def try_metric(metric: Any, targets: Sequence[str]) -> Mapping[str, Any]:
    """Return the single figures of a metric on made-up events, nothing where these do not suit it.

    Raises:
        UserError: the metric needs other targets.
    """
    for lowest in (0.0, 1.0):  # 0 and 1 are classes as well as numbers; an energy of 0 is none
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                figures = metric.build(make_up(targets, lowest))
            return {name: value for name, value in figures.items() if not isinstance(value, list)}
        except UserError as error:
            if error.problems[0].where[:1] == ("targets",):
                raise
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
