"""One policy for runs that exist already: here as a directory, or in the registry."""

import contextlib
import json
from collections.abc import Callable, Iterable
from typing import Any

import registry
from app.config import Job
from app.config.job_file import parse
from app.core.errors import Problem, UserError
from app.core.files import read_json
from app.core.spelling import OF_A_RUN
from app.runs import directory
from app.runs.directory import RunDirectory

SAME_TRAINING = {"rationale": "", "plots": None, "tracking": None, "resources": None, "export": None}
SAME_SEARCH = {"max_trials": None, "max_hours": None, "workers": None, "parallel": None}
"""Keys of a job, and of its search, that may change when it is resumed."""
IN_THE_POOL = ("queued", "idle", "running", "evicted", "held", "resubmitted")


def refuse_existing(jobs: Iterable[Job], *, resume: bool, overwrite: bool | None = None) -> None:
    """Raise UserError, with the mistakes of all jobs, where the run of a job exists and must be left alone.

    Args:
        jobs: whose runs are about to begin.
        resume: an existing run of the same job is continued.
        overwrite: an existing run is replaced; None where the command cannot do that.
    """
    mistakes = list[Problem]()
    for job in jobs:
        run = directory.of(job.name)
        if not run.exists or overwrite:
            continue
        if not resume:
            expected = "another name, or --resume to continue it"
            if overwrite is not None:
                expected = "another name, --resume to continue it or --overwrite to replace it"
            what = "the run exists already"
            mistakes.append(Problem(what, (str(run.path),), expected=expected, received=run.name))
            continue
        try:
            check_same_job(job, run)
        except UserError as error:
            mistakes += error.problems
    if mistakes:
        raise UserError(*mistakes)


def refuse_registered(
    jobs: Iterable[Job], *, resume: bool, is_own: Callable[[registry.Record], bool] | None = None
) -> None:
    """Raise UserError, with the mistakes of all jobs, where the registry knows a run that must not be submitted.

    Args:
        jobs: whose runs are about to be submitted.
        resume: a run that has ended is continued.
        is_own: tells whether a registered run belongs to the workflow that is resumed; a workflow looks itself whether
            the pool still works on it. None: not a workflow.
    """
    root, mistakes = registry.root(), list[Problem]()
    for job in jobs:
        damage = damage_of(job.name)
        mistakes += damage
        record = None if damage else registry.find(root, job.name)
        if record is None:
            continue
        where = (str(root / "runs" / f"{job.name}.json"),)
        if not resume or (is_own is not None and not is_own(record)):
            what, expected = "a run of this name is registered already", "another name"
            expected += "" if resume else ", or --resume to continue it"
            mistakes.append(Problem(what, where, expected=expected, received=job.name))
        elif is_own is None and record.state in IN_THE_POOL:
            expected = "a run that has ended; see wirechamber status"
            mistakes.append(Problem(f"this run is {record.state}", where, expected=expected, received=job.name))
    if mistakes:
        raise UserError(*mistakes)


def damage_of(run: str) -> list[Problem]:
    """Return why the record of a run cannot be read, and must not be written over; nothing where it can, or is none."""
    try:
        registry.find(registry.root(), run)
    except UserError as error:
        return list(error.problems[:1])
    return []


def check_same_job(job: Job, run: RunDirectory) -> None:
    """Raise UserError when `run` was made by another job, naming the first difference.

    How long a search goes on and how many workers take part may change.
    """

    def relevant(content: dict[str, Any]) -> dict[str, Any]:
        search = content.get("hyperopt")
        return content | SAME_TRAINING | {"hyperopt": search and search | SAME_SEARCH}

    old = read_json(run.job, "the job of the run that is resumed, or --overwrite")
    with contextlib.suppress(UserError):  # a job of an older version lacks the keys that came later
        old = parse(old, context=OF_A_RUN).dump()
    difference = first_difference(relevant(old), relevant(job.dump()))
    if difference is not None:
        place, before, now = difference
        what = "differs from the run that is resumed"
        expected = f"{json.dumps(before)[:80]}, as in the run, or --overwrite"
        raise UserError(Problem(what, (str(run.path), *place), expected=expected, received=now))


def first_difference(old: Any, new: Any, place: tuple[str, ...] = ()) -> tuple[tuple[str, ...], Any, Any] | None:
    """Return the first place where two JSON contents differ, with both values, or None."""
    if old == new:
        return None
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return place, old, new
    below = (first_difference(old.get(key), new.get(key), (*place, key)) for key in sorted(old.keys() | new.keys()))
    return next((difference for difference in below if difference is not None), None)
