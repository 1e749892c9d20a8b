"""Targets of which there is nothing to learn: of one value, given by an input, or not the classes that a loss takes."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from app.config import Job, Task
from app.core.errors import Problem, UserError
from app.data.loading import Data, first_events, stack_columns
from datasets.pipeline.events import Events

logger = logging.getLogger(__name__)
ROWS = 10_000
"""Events that are looked at."""
FEW = 10
EQUAL = 1e-9
"""Two columns whose correlation differs from 1 or -1 by less are one, in whatever unit."""
GIVEN = "the input %s is the target %s itself, or a straight line of it: there is nothing to learn"


def name_constant_targets(targets: Sequence[str], blocks: Iterable[Events]) -> None:
    """Say in one line which targets never change; of data where all do only the first block is read."""
    values: dict[str, float] = {}
    constant = list(targets)
    for events in blocks:
        if not len(events):
            continue
        for name in constant:
            values.setdefault(name, events.columns[name][0].item())
        constant = [name for name in constant if np.all(events.columns[name] == values[name])]
        if not constant:
            return
    if values:
        said = ", ".join(f"{name} = {values[name]:.6g}" for name in constant)
        logger.warning("there is nothing to learn of targets with one value in all training events: %s", said)


def name_given_targets(job: Job, data: Data) -> None:
    """Say in one line which inputs are a target of the job, in whatever unit, by their values."""
    events = first_events(data.splits.train, ROWS)
    targets = list(dict.fromkeys(target for task in job.tasks.values() for target in task.targets))
    if len(events) < FEW:
        return
    learned = _scaled(stack_columns(events.columns, targets))
    for input_name, names in data.columns.items():
        alike = np.abs(_scaled(events.inputs[input_name]).T @ learned) > 1 - EQUAL
        for column, target in np.argwhere(alike):
            logger.warning(GIVEN, names[column], targets[target])


def _scaled(values: Any) -> Any:
    """Return columns (N, C) with mean 0 and the sum of squares 1, those of one value as 0."""
    centred = np.asarray(values, np.float64) - np.mean(values, axis=0, dtype=np.float64)
    size = np.sqrt(np.sum(centred**2, axis=0))
    return centred / np.where(size > 0, size, np.inf)


def check_classes(task: Task, values: Any) -> None:
    """Raise UserError where targets (N, columns) are no classes, and the loss takes these."""
    loss, classes, where = task.loss, np.asarray(values), ("targets",)
    if loss.component.facts.classes:
        if classes.shape[-1] != 1:
            what = "classes of one target only"
            raise UserError(Problem(what, where, expected="one target", received=list(task.targets)))
        number = task.head.parameters.get("classes", 2)
        wrong = (classes != np.round(classes)) | (classes < 0) | (classes >= number)
        what, expected = "is not a class", f"whole numbers from 0 to {number - 1}"
    elif loss.component.facts.head == "sigmoid":  # a loss takes probabilities too, figures of classes do not
        counted = any(metric.name == "classification" for metric in task.metrics)
        wrong = (classes != np.round(classes)) & counted | (classes < 0) | (classes > 1)
        what, expected = "is not 0 or 1", f"0 or 1 for the loss {loss.name!r}, or another loss, e.g. 'mse'"
    else:
        return
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        what, value = f"the target {task.targets[column]!r} {what}", float(f"{classes[row, column]:.6g}")
        raise UserError(Problem(what, where, expected=expected, received=value))


def check_targets(job: Job, data: Data) -> None:
    """Look at the targets of a job as they are in its data, before anything is trained.

    Raises:
        UserError: a target is no class, and its loss takes these.
    """
    for name, task in job.tasks.items():
        name_constant_targets(task.targets, data.splits.train)
        if not task.transform:
            try:
                check_classes(task, stack_columns(first_events(data.splits.train, ROWS).columns, task.targets))
            except UserError as error:
                raise error.within("tasks", name) from None
    name_given_targets(job, data)
