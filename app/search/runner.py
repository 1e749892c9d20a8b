"""A search from its job to its result: what `run` does with a job that has a `hyperopt` block."""

import logging
import math
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Any

import registry
from app.config import Job
from app.config.derived_jobs import search_of
from app.core import interruption
from app.core.errors import Interrupted, Problem, UserError, WirechamberError
from app.core.lock import LockTaken
from app.core.system import describe_end
from app.execution.session import Options, session
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime.processes import GRACE, STOPPED, Processes, TimeLimit, stop
from app.runtime.processes import POLL as LOOK
from app.search.devices import describe_device, slots
from app.search.publish import is_published, publish
from app.search.state import SearchState, Trial, best_trial, owner
from app.search.trial import LOST, NOTHING, TrialTask, execute

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""Processes that may be killed over one trial before a resumed search gives it up."""
POLL = 2.0
"""Seconds between two looks at the trials of other workers."""


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
        alike, records = replace(options, origin=None), registry.root().resolve()
        task = TrialTask(job.dump(), run.path, alike, records, registry.Process.of_this())
        processes = Processes(warm=None in devices)
        with interruption.orderly(grace=1.5 * GRACE):  # the processes of the trials have their own
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
            processes.run(publish, job.dump(passwords=True), run, options, finished)
        except LockTaken:
            logger.info("another worker publishes the result")


def report_no_result(job: Job, trials: list[Trial], finished: bool) -> None:
    """Register a search that was ended before its first result; raises WirechamberError where all trials failed."""
    failed = [trial for trial in trials if trial.state == "failed"]
    if finished:
        raise WirechamberError(f"none of {len(failed)} trials succeeded; trial {failed[0].id}: {failed[0].reason}")
    logger.warning("max_hours ended the search before its first trial; --resume continues it")
    registry.update(registry.root(), job.name, state="interrupted", reason="max_hours, resume with --resume")


@dataclass
class Worker:
    """Runs trials until there are none left or the time is up.

    Attributes:
        job: the search.
        state: its files.
        task: what each process needs to know, except its device.
        processes: how they are started.
        free: devices without a trial; None is the CPU.
        deadline: as `time.monotonic()` counts.
        children: the process on each busy device.
        nothing_at: how many trials had ended when a process found nothing to do.
    """

    job: Job
    state: SearchState
    task: TrialTask
    processes: Processes
    free: list[str | None]
    deadline: float = math.inf
    children: list[tuple[Any, str | None]] = field(default_factory=list)
    nothing_at: int = -1

    def work(self) -> bool:
        """Run trials; return False when the time was up before they were all done.

        Raises:
            UserError: the objective is never logged.
            WirechamberError: a process died before it had a trial.
        """
        try:
            while True:
                for child, device in [pair for pair in self.children if not pair[0].is_alive()]:
                    child.join()
                    self.children.remove((child, device))
                    self.free.insert(0, device)
                    self.judge(child.pid, child.exitcode)
                    child.close()
                if time.monotonic() >= self.deadline:
                    return False
                if not self.start_processes() and not self.children:
                    return True
                self.wait(min(POLL, max(0.0, self.deadline - time.monotonic())))
        finally:
            for child, _ in self.children:
                child.terminate()
            for child, device in self.children:
                stop(child)
                logger.info("the trial on %s was stopped at its checkpoint", describe_device(device))
            self.children.clear()

    def wait(self, seconds: float) -> None:
        """Wait until a process ends, or for some seconds; raises Interrupted as soon as a signal came."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            interruption.check()
            if wait([child.sentinel for child, _ in self.children], min(LOOK, left)):
                return

    def start_processes(self) -> bool:
        """Start a process on each free device for which there is a trial; return whether any trial is running."""
        trials = self.state.trials()
        running = [trial for trial in trials if trial.state == "running"]
        orphans = sum(self.state.is_free(trial.id) for trial in running)
        new = search_of(self.job).limit - len(trials) if self.nothing_at != len(trials) - len(running) else 0
        known = {trial.owner for trial in running}
        deciding = sum(owner(child.pid) not in known for child, _ in self.children)
        while self.free and orphans + new > deciding:
            task = replace(self.task, device=self.free.pop(0))
            child = self.processes.start(execute, task, environment=task.environment)
            self.children.append((child, task.device))
            deciding += 1
        return bool(running)

    def judge(self, pid: int, code: int) -> None:
        """Report the trial of a process that has ended, and write down a death that the trial could not."""
        trials = self.state.trials()
        trial = next((trial for trial in trials if trial.owner == owner(pid)), None)
        if code == NOTHING:
            self.nothing_at = sum(trial.state != "running" for trial in trials)
        elif code == LOST:
            logger.warning("this machine slept, another worker has taken over the trial")
        elif code in STOPPED:
            logger.info("trial %s stopped at its checkpoint", trial.id if trial else "")
        elif trial is None:
            raise WirechamberError(f"the process {pid} of a trial {describe_end(code)} before it had one")
        else:
            if trial.state == "running":
                with self.state.locked():
                    before, trial = trial, self.state.read(trial.id)
                    if trial.owner == before.owner and trial.state == "running":
                        trial.state, trial.killed = "failed", True
                        trial.reason = f"the process {pid} {describe_end(code)}"
                        self.state.write(trial)
            self.report(trial)

    def report(self, trial: Trial) -> None:
        """Log the result of a trial; raises UserError when it failed for a reason that all trials share."""
        values = "  ".join(f"{path.rpartition('.')[2]} {value}" for path, value in trial.values.items())
        if trial.fatal:
            raise UserError(trial.reason)
        if trial.state == "failed":
            logger.warning("trial %s failed on %s: %s (%s)", trial.id, trial.device, trial.reason, values)
            return
        best, objective = best_trial(self.job, self.state.trials()), search_of(self.job).objective
        logger.info(
            "trial %s on %s: %s %.5g, best %.5g in %s (%s)", trial.id, trial.device, objective, trial.score,
            best.score if best else math.nan, best.id if best else "", values,
        )  # fmt: skip
