"""Rules between a task's loss, head, transform and targets."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.config import Job, Task
from app.core.errors import Problem, UserError
from app.data.targets import check_classes
from app.models import HEADS
from app.predictions import TASK_OUTPUTS, VALUE, output_name
from datasets.tables.columns import given_targets, wanted

logger = logging.getLogger(__name__)

WIDTHS = {"huber": "delta", "smooth_l1": "beta"}
"""Losses with the parameter that is the size of a residual, below which they are a parabola."""
FAR_ABOVE = 3.0
"""A width above so many standard deviations of the targets leaves nothing but the parabola."""


def check_heads(job: Job) -> None:
    """A loss must find in the head's output what it expects: a mean squared error of logits means nothing."""
    for name, task in job.tasks.items():
        needed = HEADS[task.loss.component.facts.head]
        if task.head.component.facts.gives != needed.facts.gives:
            what = f"the loss {task.loss.name!r} does not fit the head"
            expected = f"{needed.name!r}, or no head: it follows from the loss"
            raise UserError(Problem(what, ("tasks", name, "head"), expected=expected, received=task.head.name))


def check_sigma_of_angles(job: Job) -> None:
    """The width of cos and sin is no width of the angle: at the seam half a turn would come out."""
    for name, task in job.tasks.items():
        for position, step in enumerate(task.transform):
            if task.head.name == "gaussian" and step.name == "circular":
                expected = "another loss, or no 'circular'"
                what = "'circular' does not go with a predicted width"
                raise UserError(Problem(what, ("tasks", name, "transform", position), expected=expected))


def check_outputs_are_learned(job: Job) -> None:
    """Keras trains on silently when no loss sees an output, whose values then come from random weights."""
    for name, task in job.tasks.items():
        if not task.weight and job.model.component.facts.kind not in ("track", "classical"):
            expected = 'a weight above 0, or "enabled": false'
            what = "no loss sees this output, it would stay as random as it begins"
            raise UserError(Problem(what, ("tasks", name, "weight"), expected=expected, received=task.weight))


def check_assignment_metric(job: Job) -> None:
    """Only a model with scores assigns hits, and what a run is judged by must be known of its baselines too."""
    for name, task in job.tasks.items():
        for position, metric in enumerate(task.metrics):
            where = ("tasks", name, "metrics", position)
            if metric.name == "hit_assignment" and not job.model.component.facts.scores:
                what = f"the model {job.model.name!r} does not assign hits"
                raise UserError(Problem(what, where, expected="the model 'hit_pooling', or another metric"))
            if metric.name == "hit_assignment" and position == 0:
                what = "no baseline assigns hits, so a run cannot be judged by it"
                raise UserError(Problem(what, where, expected="another metric before it"))


def check_output_names(job: Job) -> None:
    """What a head gives in addition to the value is an output of its own, which no task may be called."""
    outputs = {output_name(t, output): (t, output) for t in job.tasks for output in TASK_OUTPUTS if output != VALUE}
    for name in job.tasks:
        if name in outputs:
            task, output = outputs[name]
            what = f"{name!r} is what the output {output} of the task {task!r} is called"
            raise UserError(Problem(what, ("tasks", name), expected="another name"))


def check_relative_losses(job: Job) -> None:
    """A relative error is one of a quantity whose 0 means nothing there; that of a standardised target is its mean."""
    for name, task in job.tasks.items():
        shifted = [t.name for t in task.transform if t.name in ("standardize", "kick")]
        if task.loss.component.facts.physical and shifted:
            what = f"the loss {task.loss.name!r} divides by the target, and {shifted[0]!r} shifts its 0"
            where = ("tasks", name, "transform")
            raise UserError(Problem(what, where, expected="[], or another loss", received=shifted))


def name_given_targets(jobs: Sequence[Job]) -> None:
    """Say in one line each which inputs of a table are the column of a target that is learned."""
    found: dict[tuple[str, str], str] = {}
    for job in jobs:
        if job.dataset.name != "table":
            continue
        inputs, targets = (wanted(getattr(job.dataset.options, key), key) for key in ("inputs", "targets"))
        learned = {target for task in job.tasks.values() for target in task.targets}
        pairs = [pair for pair in given_targets(inputs, targets) if pair[1] in learned]
        found = dict.fromkeys(pairs, job.name) | found
    for (name, target), job_name in found.items():
        logger.warning("%s: the input %s is the target %s itself: there is nothing to learn", job_name, name, target)


def check_values(task: Task, values: Any) -> None:
    """Look at some transformed targets (N, columns): classes must be classes, and a width must be one of residuals."""
    check_classes(task, values)
    if task.loss.name in WIDTHS:
        name = WIDTHS[task.loss.name]
        width, spread = task.loss.parameters[name], float(np.asarray(values, np.float64).std(axis=0).max())
        if width > FAR_ABOVE * spread > 0:
            logger.warning(
                "%s of the targets %s: %s = %g is far above the spread %.3g of what is learned, so the loss is a mere "
                "mean squared error; give %s the size of a residual, or standardise the targets",
                task.loss.name, ", ".join(task.targets), name, width, spread, name,
            )  # fmt: skip
