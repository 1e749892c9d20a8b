"""A worker: as many trial processes at a time as there are devices, each for one trial, watched without TensorFlow."""

import logging
import math
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Any

from app.config import Job
from app.config.derived_jobs import search_of
from app.core.errors import UserError, WirechamberError
from app.runtime.processes import STOPPED, Processes, ended, stop
from app.search import trial as trial_process
from app.search.devices import describe_device
from app.search.state import SearchState, Trial, best_trial, owner
from app.search.trial import NOTHING, TrialTask

logger = logging.getLogger(__name__)

POLL = 2.0
"""Seconds between two looks at the trials of other workers."""


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
                patience = min(POLL, max(0.0, self.deadline - time.monotonic()))
                wait([child.sentinel for child, _ in self.children], patience)
                if not self.children:
                    time.sleep(patience)
        finally:
            for child, _ in self.children:
                child.terminate()
            for child, device in self.children:
                stop(child)
                logger.info("the trial on %s was stopped at its checkpoint", describe_device(device))
            self.children.clear()

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
            child = self.processes.start(trial_process.execute, task, environment=task.environment)
            self.children.append((child, task.device))
            deciding += 1
        return bool(running)

    def judge(self, pid: int, code: int) -> None:
        """Report the trial of a process that has ended, and write down a death that the trial could not."""
        trials = self.state.trials()
        trial = next((trial for trial in trials if trial.owner == owner(pid)), None)
        if code == NOTHING:
            self.nothing_at = sum(trial.state != "running" for trial in trials)
        elif code in STOPPED:
            logger.info("trial %s stopped at its checkpoint", trial.id if trial else "")
        elif trial is None:
            raise WirechamberError(f"the process of a trial {ended(code)} before it had one")
        else:
            if trial.state == "running":
                with self.state.locked():
                    before, trial = trial, self.state.read(trial.id)
                    if trial.owner == before.owner and trial.state == "running":
                        trial.state, trial.killed, trial.reason = "failed", True, f"the process {ended(code)}"
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
