"""A search from its job to its result: what `run` does with a job that has a `hyperopt` block."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import registry
from app.config import Job
from app.config.derived_jobs import search_of
from app.core.errors import Interrupted, Problem, UserError, WirechamberError
from app.core.lock import LockTaken, locked
from app.execution.session import Options, session
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime.processes import Processes
from app.runtime.time_limit import TimeLimit
from app.search.devices import describe_device, slots
from app.search.publish import is_published, publish
from app.search.state import SearchState
from app.search.trial import TrialTask
from app.search.worker import Worker, winner

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Processes that may be killed over one trial before a resumed search leaves it alone."""


def run_search(job: Job, options: Options) -> RunDirectory:
    """Take part in a search until no trial is left, and publish its result; raises what `session` raises.

    Several processes may work on one search, here and elsewhere.
    """
    if options.overwrite:
        _refuse_overwrite(directory.of(job.name))
    with session(job, options, shared=True) as run:
        _search_and_measure(job, run, options)
    return run


def _refuse_overwrite(run: RunDirectory) -> None:
    """Raise UserError when workers are at work on the search that is to be replaced."""
    state = SearchState(run.path)
    busy = [trial.id for trial in state.trials() if trial.state == "running" and not state.is_free(trial.id)]
    if busy:
        expected = "--resume to work with them, or to wait until they end"
        raise UserError(
            Problem("other workers are at work on this search", (str(run.path),), expected=expected, received=busy)
        )


def _search_and_measure(job: Job, run: RunDirectory, options: Options) -> None:
    """Take trials until there are none left, and publish when no other worker is at one.

    Any number of processes may do this on one directory: they share its files and nothing else.
    """
    search, state = search_of(job), SearchState(run.path)
    state.make()
    _retry_killed_trials(state)
    registry.create(state.registry, registry.Record(run=job.name, application=job.application), replace=True)
    devices = slots(search.parallel)
    words = ", ".join(dict.fromkeys(map(describe_device, devices)))
    count = search.limit if search.limit < math.inf else "all"
    logger.info("%s: %s trials by %s search on %s, %d at once", job.name, count, search.tuner, words, len(devices))
    deadline = time.monotonic() + 3600 * search.max_hours if search.max_hours else math.inf
    limit = TimeLimit.of_process()
    order = TrialTask(job.dump(), run.path, options, registry.root().resolve())
    processes = Processes(warm=None in devices)
    finished = Worker(job, state, order, processes, devices, min(deadline, limit.end)).work()
    if not finished and limit.end <= deadline:
        raise Interrupted(f"the time limit of {limit.seconds:g} s")
    _publish(job, run, options, state, finished, processes)


def _retry_killed_trials(state: SearchState) -> None:
    """Let trials whose process was killed go on from their checkpoint; those that failed by themselves would again."""
    with state.locked():
        for trial in state.trials():
            if trial.killed and trial.state == "failed" and trial.attempts < ATTEMPTS:
                trial.state, trial.killed, trial.reason = "running", False, ""
                state.write(trial)


def _publish(
    job: Job, run: RunDirectory, options: Options, state: SearchState, finished: bool, processes: Processes
) -> None:
    """Publish, if this is the last worker and there is something to publish."""
    trials = state.trials()
    if any(trial.state == "running" and not state.is_free(trial.id) for trial in trials):
        logger.info("other workers go on; the last of them publishes the result")
        return
    if winner(job, trials) is None:
        _nothing(job, trials, finished)
        return
    if is_published(job, run, state):
        logger.info("%s is finished already", job.name)
        return
    try:
        with locked(run.lock, wait=0.0):
            processes.run(publish, job.dump(), run, options, finished)
    except LockTaken:
        logger.info("another worker publishes the result")


def _nothing(job: Job, trials: list[Any], finished: bool) -> None:
    failed = [trial for trial in trials if trial.state == "failed"]
    if finished:
        raise WirechamberError(f"none of {len(failed)} trials succeeded; trial {failed[0].id}: {failed[0].reason}")
    logger.warning("max_hours ended the search before its first trial; --resume continues it")
    registry.update(registry.root(), job.name, state="interrupted", reason="max_hours, resume with --resume")
