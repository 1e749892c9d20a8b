"""Rules across fields and between a job and its machine, one small check each, before anything starts."""

import importlib.util
import itertools
from collections.abc import Sequence
from pathlib import Path

from app.checks import metrics, physics, tasks
from app.config import Job
from app.config.derived_jobs import with_members
from app.config.job_file import load, refuse_equal_names
from app.core.errors import Problem, UserError, unknown
from app.core.files import find_files
from app.models import Inputs

UNUSED = ("training", "weighting", "balancing", "collocation")
"""Keys of a job that a model without training does not use."""
UNUSED_OF_TASK = ("transform", "head", "loss", "weight")
"""Keys of a task that a model without training does not use."""


def check_jobs(jobs: Sequence[Job]) -> None:
    """Run every check on every job; raises UserError with all mistakes."""
    mistakes: list[Problem] = []
    for job, check in itertools.product(jobs, CHECKS):
        try:
            check(job)
        except UserError as error:
            mistakes += error.under(job.name).problems
    if mistakes:
        raise UserError(*mistakes)


def check_files_exist(job: Job) -> None:
    """Every file and pattern of the dataset means something."""
    if job.dataset.options.files is not None:
        find_files(job.dataset.options.files, ("dataset", "files"))


def check_warmup_fits(job: Job) -> None:
    """A warm-up as long as the training never reaches the learning rate that was asked for."""
    warmup = job.training.schedule.parameters.get("warmup_epochs", 0)
    if warmup >= job.training.epochs:
        where = ("training", "schedule", "warmup_epochs")
        expected = f"fewer than the {job.training.epochs} epochs of the training"
        raise UserError(Problem("the warm-up is as long as the training", where, expected=expected, received=warmup))


def check_steps_per_execution(job: Job) -> None:
    """No more steps in one execution than in one epoch."""
    executed, steps = job.training.steps_per_execution, job.training.steps_per_epoch
    if executed != "auto" and steps is not None and executed > steps:
        where = ("training", "steps_per_execution")
        raise UserError(Problem("more steps than an epoch has", where, expected=f"at most {steps}", received=executed))


def check_curriculum_ends(job: Job) -> None:
    """The threshold of a curriculum falls, and is at its end before the training is."""
    for position, spec in enumerate(job.weighting):
        if spec.name != "curriculum":
            continue
        start, end, epochs = (spec.parameters[name] for name in ("start", "end", "epochs"))
        where = ("weighting", position)
        if end >= start:
            expected = f"below {start} GeV"
            raise UserError(Problem("the threshold does not fall", (*where, "end"), expected=expected, received=end))
        if epochs >= job.training.epochs:
            what = "the curriculum is as long as the training"
            expected = f"fewer than the {job.training.epochs} epochs of the training"
            raise UserError(Problem(what, (*where, "epochs"), expected=expected, received=epochs))


def check_mlflow_is_installed(job: Job) -> None:
    """MLflow is an extra: that it is missing is reported before the training, not after it."""
    if job.tracking.mlflow and importlib.util.find_spec("mlflow") is None:
        expected = "pip install 'wirechamber[mlflow]', or no tracking.mlflow"
        raise UserError(Problem("mlflow is not installed", ("tracking", "mlflow"), expected=expected))


def check_ensemble(job: Job) -> None:
    """Members of an ensemble must differ: a formula has one answer, and each member has its own draw of the events."""
    if job.ensemble is None:
        return
    if job.is_classical:
        what = f"the model {job.model.name!r} needs no training: all members would be equal"
        raise UserError(Problem(what, ("ensemble",), expected="null, or a network"))
    if job.hyperopt is not None:
        what = "a search trains one network a trial, an ensemble several"
        raise UserError(Problem(what, ("ensemble",), expected="one of 'ensemble' and 'hyperopt': search first"))
    if job.training.bootstrap is not None:
        where = ("training", "bootstrap")
        raise UserError(Problem("each member of an ensemble has its own draw", where, expected="null, or no ensemble"))


def check_classical(job: Job) -> None:
    """Refuse what a model without training cannot do: other inputs or targets, states without truth."""
    if not job.is_classical:
        return
    what = f"the model {job.model.name!r} needs no training and sees the raw columns"
    if job.model.options.inputs != Inputs():
        raise UserError(Problem(what, ("model", "inputs"), expected="no 'inputs', or a network"))
    if job.unlabelled is not None:
        raise UserError(Problem(what, ("unlabelled",), expected="null, or a network"))
    known = job.model.component.facts.targets
    for name, task in job.tasks.items():
        for position, target in enumerate(task.targets):
            if target not in known:
                where = ("tasks", name, "targets", position)
                raise UserError(unknown(f"target for the model {job.model.name!r}", target, known, where))


def nothing_to_train(job: Job) -> str:
    """Say that a job has nothing to train, and which of the keys that it sets are therefore not used."""
    unused = [name for name in UNUSED if name in job.model_fields_set]
    for name, task in job.tasks.items():
        unused += [f"tasks.{name}.{key}" for key in UNUSED_OF_TASK if key in task.model_fields_set]
    return f"nothing to train: {job.model.name!r} does not use {', '.join(unused)}" if unused else "nothing to train"


def check_monitor(job: Job) -> None:
    """The monitored figure is one that the job logs."""
    if job.training.monitor != "val_loss":
        from app.checks import search

        search.check_monitor(job)


def check_the_search(job: Job) -> None:
    """The job of every extreme value passes the same checks."""
    if job.hyperopt is not None:
        from app.checks.search import check_search

        check_search(job, check_jobs)


CHECKS = (
    check_ensemble,
    check_files_exist,
    check_warmup_fits,
    check_steps_per_execution,
    check_curriculum_ends,
    check_monitor,
    check_mlflow_is_installed,
    check_classical,
    tasks.check_heads,
    tasks.check_output_names,
    tasks.check_assignment_metric,
    metrics.check_metrics,
    tasks.check_sigma_of_angles,
    tasks.check_relative_losses,
    physics.check_something_is_learned,
    tasks.check_outputs_are_learned,
    physics.check_constraints_apply,
    physics.check_task_names,
    physics.check_mirror_of_formula,
    check_the_search,
)


def load_checked_jobs(path: Path, overrides: Sequence[str]) -> list[Job]:
    """Read a job or sweep file and check its jobs, the members of ensembles too; raises UserError with all mistakes."""
    jobs = load(path, overrides)
    check_jobs(with_members(jobs))
    refuse_equal_names(with_members(jobs))
    return jobs
