"""What can be known of a search before it starts: each path, each extreme value as a job, the objective."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from app.checks.search_objective import check_objective, key
from app.config import Job
from app.config.derived_jobs import dimensions, search_of, trial_job
from app.config.search_space import Entry
from app.core.errors import Problem, UserError

FIXED = ("name", "application", "seed", "hyperopt", "ensemble", "tracking", "resources", "plots", "dataset.split")
"""What a search does not vary: trials must differ in the training alone and be judged on the same events."""
WHAT_THE_LOSS_IS = ("loss", "transform", "weight", "targets")
NEEDS = {"random": (), "hyperband": (), "grid": (), "bayesian": ("sklearn", "scipy")}


Check = Callable[[Sequence[Job]], None]
"""Checks jobs, and raises UserError with everything that is wrong with them."""


def check_search(job: Job, check: Check) -> None:
    """Check everything about a job's search, each extreme value by `check`; raises UserError with all mistakes."""
    if job.hyperopt is None:
        return
    _check_kind(job)
    _check_installed(job)
    check_objective(job)
    entries = dimensions(job)
    mistakes = [problem for entry in entries for problem in _mistakes(job, entry, entries, check)]
    if mistakes:
        raise UserError(*dict.fromkeys(mistakes))


def _check_kind(job: Job) -> None:
    if job.is_classical:
        raise UserError(Problem(f"the model {job.model.name!r} needs no training", ("hyperopt",), expected="null"))
    if job.ensemble is not None:
        raise UserError(
            Problem("a search of ensembles", ("hyperopt",), expected="a search, then an ensemble of best.json")
        )


def _check_installed(job: Job) -> None:
    tuner = search_of(job).tuner
    missing = [name for name in ("keras_tuner", "tensorboard", *NEEDS[tuner]) if importlib.util.find_spec(name) is None]
    if missing:
        expected = "pip install 'wirechamber[bayesian]', or the tuner 'random'"
        raise UserError(
            Problem(f"{', '.join(missing)} is not installed", ("hyperopt", "tuner"), expected=expected, received=tuner)
        )


def _mistakes(job: Job, entry: Entry, entries: Sequence[Entry], check: Check) -> Iterator[Problem]:
    """Yield what is wrong with one dimension: its path, or one of its extreme values as a job."""
    where = ("hyperopt", "space", entry.path)
    try:
        _check_path(job, entry.path)
    except UserError as error:
        yield from error.under(*where).problems
        return
    for value in entry.dimension.corners:
        try:
            _check_value(job, entry, value, entries, check)
        except UserError as error:
            yield from (_as_value(problem, where, value) for problem in error.problems)
            if any(problem.what == "unknown key" for problem in error.problems):
                return  # with every value


def _as_value(problem: Problem, where: tuple[str, ...], value: Any) -> Problem:
    place = ".".join(map(str, problem.where[1:]))  # without the trial's name
    return replace(problem, what=f"{value!r} makes no job: {place}: {problem.what}", where=where)


def _check_path(job: Job, path: str) -> None:
    if any(path == fixed or path.startswith(f"{fixed}.") for fixed in FIXED):
        raise UserError(Problem("is the same for all trials", (), expected="a path of the model, tasks or training"))
    search, parts = search_of(job), path.split(".")
    if path == "training.epochs" and search.tuner == "hyperband":
        raise UserError(Problem("hyperband itself chooses the epochs", (), expected="'hyperopt.epochs', the longest"))
    judged_by_loss = key(search.objective).endswith("loss")
    changes_loss = parts[0] in ("constraints", "balancing", "weighting", "collocation") or (
        parts[0] == "tasks" and len(parts) > 2 and parts[2] in WHAT_THE_LOSS_IS
    )
    if judged_by_loss and changes_loss:
        what = f"changes what {search.objective!r} means, so that trials could not be compared"
        raise UserError(Problem(what, (), expected="a metric as the objective, e.g. val_<metric>"))


def _check_value(job: Job, entry: Entry, value: Any, entries: Sequence[Entry], check: Check) -> None:
    """Validate the job with one extreme value; what must be chosen for the dimension to be there is chosen too."""
    values: dict[str, Any] = {}
    _choose(entry, entries, values)
    check([trial_job(job, {**values, entry.path: value}, "0")])


def _choose(entry: Entry, entries: Sequence[Entry], values: dict[str, Any]) -> None:
    for condition in entry.conditions:
        parent = next(one for one in entries if one.path == condition.parent)
        _choose(parent, entries, values)
        values[parent.path] = parent.dimension.values[condition.positions[0]]
