"""A search from its job to its result: what `run` does with a job that has a `hyperopt` block."""

import logging
import math
import time

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
from app.search.state import SearchState, Trial, best_trial
from app.search.trial import TrialTask
from app.search.worker import Worker

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Processes that may be killed over one trial before a resumed search gives it up."""


def run_search(job: Job, options: Options) -> RunDirectory:
    """Take part in a search until no trial is left, and publish its result; raises what `session` raises.

    Any number of processes may do this on one directory, here and elsewhere: they share its files and nothing else.
    """
    if options.overwrite:
        state = SearchState(directory.of(job.name).path)
        busy = [trial.id for trial in state.trials() if trial.state == "running" and not state.is_free(trial.id)]
        if busy:
            what, expected = (
                "other workers work on this search",
                "--resume to work with them, or to wait until they end",
            )
            raise UserError(Problem(what, (str(state.run),), expected=expected, received=busy))
    with session(job, options, shared=True) as run:
        search, state = search_of(job), SearchState(run.path)
        state.make()
        retry_killed_trials(state)
        registry.create(state.registry, registry.Record(run=job.name, application=job.application), replace=True)
        devices = slots(search.parallel)
        names = ", ".join(dict.fromkeys(map(describe_device, devices)))
        count = search.limit if search.limit < math.inf else "all"
        logger.info("%s: %s trials by %s search on %s, %d at once", job.name, count, search.tuner, names, len(devices))
        deadline = time.monotonic() + 3600 * search.max_hours if search.max_hours else math.inf
        limit = TimeLimit.of_process()
        task = TrialTask(job.dump(), run.path, options, registry.root().resolve())
        processes = Processes(warm=None in devices)
        finished = Worker(job, state, task, processes, devices, min(deadline, limit.end)).work()
        if not finished and limit.end <= deadline:
            raise Interrupted(f"the time limit of {limit.seconds:g} s")
        publish_if_last(job, run, options, finished, processes)
    return run


def retry_killed_trials(state: SearchState) -> None:
    """Let trials whose process was killed continue from their checkpoint; other failures would only be repeated."""
    with state.locked():
        for trial in state.trials():
            if trial.killed and trial.state == "failed" and trial.attempts < ATTEMPTS:
                trial.state, trial.killed, trial.reason = "running", False, ""
                state.write(trial)


def publish_if_last(job: Job, run: RunDirectory, options: Options, finished: bool, processes: Processes) -> None:
    """Publish the result if no other worker is at a trial and there is something new to publish."""
    state = SearchState(run.path)
    trials = state.trials()
    if any(trial.state == "running" and not state.is_free(trial.id) for trial in trials):
        logger.info("other workers go on; the last of them publishes the result")
    elif best_trial(job, trials) is None:
        report_no_result(job, trials, finished)
    elif is_published(job, run, state):
        logger.info("%s is finished already", job.name)
    else:
        try:
            with locked(run.lock, wait=0.0):
                processes.run(publish, job.dump(), run, options, finished)
        except LockTaken:
            logger.info("another worker publishes the result")


def report_no_result(job: Job, trials: list[Trial], finished: bool) -> None:
    """Register a search that was ended before its first result; raises WirechamberError where all trials failed."""
    failed = [trial for trial in trials if trial.state == "failed"]
    if finished:
        raise WirechamberError(f"none of {len(failed)} trials succeeded; trial {failed[0].id}: {failed[0].reason}")
    logger.warning("max_hours ended the search before its first trial; --resume continues it")
    registry.update(registry.root(), job.name, state="interrupted", reason="max_hours, resume with --resume")
