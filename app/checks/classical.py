"""What a job may not ask of a model that needs no training."""

from __future__ import annotations

from app.config import Job, Task
from app.core.errors import Problem, UserError, unknown
from app.models import Inputs

UNUSED = ("training", "weighting", "balancing", "collocation")

UNUSED_OF_TASK = ("transform", "head", "loss", "weight")


def check_classical(job: Job) -> None:
    """Refuse what a classical model cannot do: other inputs or targets, states without truth."""
    if not job.is_classical:
        return
    if job.model.options.inputs != Inputs():
        _refuse(job, ("model", "inputs"), "no 'inputs'")
    if job.unlabelled is not None:
        _refuse(job, ("unlabelled",), "null")
    for name, task in job.tasks.items():
        _check_targets(job, name, task)


def _refuse(job: Job, where: tuple[str, ...], expected: str) -> None:
    what = f"the model {job.model.name!r} needs no training and sees the raw columns"
    raise UserError(Problem(what, where, expected=f"{expected}, or a network"))


def _check_targets(job: Job, name: str, task: Task) -> None:
    known = job.model.component.facts.targets
    for position, target in enumerate(task.targets):
        if target not in known:
            what = f"target for the model {job.model.name!r}"
            raise UserError(unknown(what, target, known, ("tasks", name, "targets", position)))


def nothing_to_train(job: Job) -> str:
    """Say that a job has nothing to train, and which of the keys that it sets are therefore not used."""
    unused = [name for name in UNUSED if name in job.model_fields_set]
    for name, task in job.tasks.items():
        unused += [f"tasks.{name}.{key}" for key in UNUSED_OF_TASK if key in task.model_fields_set]
    return f"nothing to train: {job.model.name!r} does not use {', '.join(unused)}" if unused else "nothing to train"
