"""What can be known of a search before it starts: each path, each extreme value as a job, the objective."""

import importlib.util
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from app.config import Job, Task
from app.config.derived_jobs import dimensions, search_of, trial_job
from app.config.search_space import Entry
from app.core.errors import Place, Problem, UserError, WirechamberError, nearest, shorten
from app.core.types import NAMES
from app.evaluation.metrics import merge_tasks, task_metrics
from app.predictions import Predictions

FIXED = ("name", "application", "seed", "hyperopt", "ensemble", "tracking", "resources", "plots", "dataset.split")
"""What a search does not vary: trials must differ in the training alone and be judged on the same events."""
WHAT_THE_LOSS_IS = ("loss", "transform", "weight", "targets")
NEEDS = {"random": (), "hyperband": (), "grid": (), "bayesian": ("sklearn", "scipy")}

Direction = Literal["min", "max"]
MANY = 10_000
"""Trials of a search that says no number of them."""
EVENTS = 64
"""How many events are invented to learn the names of a metric's figures."""
HIGHER = ("accuracy", "auc", "f1", "precision", "recall")
NEITHER = ("bias", "pull_mean", "pull_std", "coverage", "rows")
"""Figures that are best at a value between: neither the lowest nor the highest is wanted."""
PREFIX = "val_"
Check = Callable[[Sequence[Job]], None]
"""Checks jobs, and raises UserError with everything that is wrong with them."""


def check_search(job: Job, check: Check) -> None:
    """Check everything about a job's search, each extreme value by `check`; raises UserError with all mistakes."""
    if job.hyperopt is None:
        return
    if job.is_classical:
        raise UserError(Problem(f"the model {job.model.name!r} needs no training", ("hyperopt",), expected="null"))
    if job.ensemble is not None:
        expected = "a search, then an ensemble of best.json"
        raise UserError(Problem("a search of ensembles", ("hyperopt",), expected=expected))
    tuner = job.hyperopt.tuner
    missing = [name for name in ("keras_tuner", "tensorboard", *NEEDS[tuner]) if importlib.util.find_spec(name) is None]
    if missing:
        what, where = f"{', '.join(missing)} is not installed", ("hyperopt", "tuner")
        expected = "pip install 'wirechamber[bayesian]', or the tuner 'random'"
        raise UserError(Problem(what, where, expected=expected, received=tuner))
    check_objective(job)
    check_room_for_names(job)
    entries = dimensions(job)
    mistakes = [problem for entry in entries for problem in _find_mistakes(job, entry, entries, check)]
    if mistakes:
        raise UserError(*{str(problem): problem for problem in mistakes}.values())  # choices may be lists


def check_room_for_names(job: Job) -> None:
    """The names of a search's trials, <name>_trial_<number>, are as long as names may be."""
    search = search_of(job)
    longest = f"_trial_{MANY - 1 if math.isinf(search.limit) else int(search.limit) - 1}"
    longest += f"_{search.executions_per_trial}" if search.executions_per_trial > 1 else ""
    room = NAMES.most - len(longest)
    if len(job.name) > room:
        what, expected = f"no room for the names of trials, {longest!r} behind it", f"at most {room} characters"
        raise UserError(Problem(what, ("name",), expected=expected, received=job.name))


def _find_mistakes(job: Job, entry: Entry, entries: Sequence[Entry], check: Check) -> Iterator[Problem]:
    """Yield what is wrong with one dimension: its path, or one of its extreme values as a job."""
    where = ("hyperopt", "space", entry.path)
    try:
        _check_path(job, entry.path)
    except UserError as error:
        yield from error.under(*where).problems
        return
    needed: dict[str, Any] = {}
    _choose_parents(entry, entries, needed)
    for value in entry.dimension.corners:
        try:
            check([trial_job(job, {**needed, entry.path: value}, "0")])
        except UserError as error:
            for problem in error.problems:
                place = ".".join(map(str, problem.where[1:]))  # without the trial's name
                yield replace(
                    problem, what=f"{shorten(repr(value))} makes no job: {place}: {problem.what}", where=where
                )
            if any(problem.what == "unknown key" for problem in error.problems):
                return  # with every value


def _check_path(job: Job, path: str) -> None:
    if any(path == fixed or path.startswith(f"{fixed}.") for fixed in FIXED):
        raise UserError(Problem("is the same for all trials", expected="a path of the model, tasks or training"))
    search, parts = search_of(job), path.split(".")
    if path == "training.epochs" and search.tuner == "hyperband":
        raise UserError(Problem("hyperband itself chooses the epochs", expected="'hyperopt.epochs', the longest"))
    judged_by_loss = key(search.objective).endswith("loss")
    changes_loss = parts[0] in ("constraints", "balancing", "weighting", "collocation") or (
        parts[0] == "tasks" and len(parts) > 2 and parts[2] in WHAT_THE_LOSS_IS
    )
    if judged_by_loss and changes_loss:
        what = f"changes what {search.objective!r} means, so that trials could not be compared"
        raise UserError(Problem(what, expected="a metric as the objective, e.g. val_<metric>"))


def _choose_parents(entry: Entry, entries: Sequence[Entry], values: dict[str, Any]) -> None:
    """Add to `values` what must be chosen for the dimension to be there."""
    for condition in entry.conditions:
        parent = next(other for other in entries if other.path == condition.parent)
        _choose_parents(parent, entries, values)
        values[parent.path] = parent.dimension.values[condition.positions[0]]


def key(objective: str) -> str:
    """Return the name of an objective in the validation entries of history.json."""
    return objective.removeprefix(PREFIX)


def direction(job: Job) -> Direction:
    """Return whether the search wants the lowest or the highest value; `hyperopt.direction` has the last word.

    Raises:
        UserError: the figure may be good low or high.
    """
    search = search_of(job)
    return search.direction or direction_of(job, search.objective, ("hyperopt", "objective"))


def direction_of(job: Job, figure: str, place: Place) -> Direction:
    """Return whether the lowest or the highest value of a validation figure is the best.

    Raises:
        UserError: it may be good low or high.
    """
    name = key(figure)
    if name == "loss" or name.endswith("_loss"):
        return "min"
    facts = {m.component.facts.primary: m.component.facts for task in job.tasks.values() for m in task.metrics}
    own = next((facts[primary] for primary in facts if name == primary or name.endswith(f"_{primary}")), None)
    if own is not None:
        return "min" if own.better == "lower" else "max"
    if name.endswith(HIGHER):
        return "max"
    if any(part in name for part in NEITHER) or any(fact.better == "higher" for fact in facts.values()):
        what = f"cannot tell whether a low or a high {name!r} is better"
        expected = "'direction': 'min' or 'max'" if "hyperopt" in place else "another figure"
        raise UserError(Problem(what, place, expected=expected))
    return "min"


def check_objective(job: Job) -> None:
    """Refuse an objective that the job never logs; what cannot be known before the data are read is not refused."""
    search = search_of(job)
    names, complete = logged_metrics(job)
    if complete and key(search.objective) not in names:
        raise UserError(never_logged(search.objective, names).under("hyperopt"))
    direction(job)


def check_monitor(job: Job) -> None:
    """Refuse a monitored figure that the job never logs, or that may be good low or high."""
    monitor, place = job.training.monitor, ("training", "monitor")
    if monitor == f"{PREFIX}loss":
        return
    names, complete = logged_metrics(job)
    if not monitor.startswith(PREFIX) or (complete and key(monitor) not in names):
        raise UserError(replace(never_logged(monitor, names), where=place))
    direction_of(job, monitor, place)


def never_logged(objective: str, names: Any) -> Problem:
    """Say that an objective is never logged, and what is."""
    known = sorted(f"{PREFIX}{name}" for name in names)
    near, expected = nearest(objective, known), f"one of [{', '.join(known)}]"
    what = "never logged by this job"
    return Problem(what, ("objective",), nearest=near, expected=expected, received=objective)


def logged_metrics(job: Job) -> tuple[list[str], bool]:
    """Return the names of the validation figures, and whether these are all: physics terms have names of their own."""
    names = {"loss": 0.0, "data_loss": 0.0}
    complete = not job.constraints
    if len(job.tasks) > 1 or job.constraints:
        names |= {f"{task}_loss": 0.0 for task in job.tasks}
    try:
        names |= merge_tasks({name: task_metrics(_invent_predictions(task), task) for name, task in job.tasks.items()})
    except (WirechamberError, ArithmeticError, LookupError, TypeError, ValueError):
        complete = False  # a metric that wants more than invented events have
    return [name for name in names if name != "rows"], complete


def _invent_predictions(task: Task) -> Predictions:
    """Return a few events that could be predictions of a task: only the names of their figures are looked at."""
    rng = np.random.default_rng(0)
    classes = task.head.component.facts.gives == "logits"

    def draw() -> Any:
        return np.arange(EVENTS) % 2 if classes else rng.uniform(0.1, 0.9, EVENTS)

    true, predicted = ({target: draw() for target in task.targets} for _ in range(2))
    probability: Mapping[str, Any] = {}
    if classes:
        probability = {f"{target}_{k}": np.full(EVENTS, 0.5) for target in task.targets for k in range(2)}
    sigma = {target: np.ones(EVENTS) for target in task.targets} if task.head.name == "gaussian" else {}
    return Predictions(np.arange(EVENTS, dtype=np.uint64), true, predicted, {}, {}, sigma, probability)
