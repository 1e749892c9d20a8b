"""A worker: as many trial processes at a time as there are devices, each for one trial, watched without TensorFlow."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Any

from app.checks.search_objective import direction
from app.config import Job
from app.config.derived_jobs import search_of
from app.core.errors import UserError, WirechamberError
from app.runtime.processes import STOPPED, Processes, ended, stop
from app.search import trial as trial_process
from app.search.devices import describe_device
from app.search.state import SearchState, Trial, owner
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
        order: what each process is told, but for its device.
        processes: how they are made.
        free: devices without a trial; None is the CPU.
        deadline: of `time.monotonic()`.
        children: the process on each busy device.
        nothing_at: how many trials had ended when a process found nothing to do.
    """

    job: Job
    state: SearchState
    order: TrialTask
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
                self._reap()
                if time.monotonic() >= self.deadline:
                    return False
                waiting = self._start()
                if not self.children and not waiting:
                    return True
                patience = min(POLL, max(0.0, self.deadline - time.monotonic()))
                wait([child.sentinel for child, _ in self.children], patience)
                if not self.children:
                    time.sleep(patience)
        finally:
            self._stop()

    def _start(self) -> bool:
        """Start a process on each free device for which there is a trial; tell whether any trial is running."""
        trials = self.state.trials()
        running = [trial for trial in trials if trial.state == "running"]
        ended = len(trials) - len(running)
        orphans = sum(self.state.is_free(trial.id) for trial in running)
        new = search_of(self.job).limit - len(trials) if self.nothing_at != ended else 0
        known = {trial.owner for trial in running}
        deciding = sum(owner(child.pid) not in known for child, _ in self.children)
        while self.free and orphans + new > deciding:
            self._launch()
            deciding += 1
        return bool(running)

    def _launch(self) -> None:
        device = self.free.pop(0)
        order = replace(self.order, device=device)
        child = self.processes.start(trial_process.execute, order, environment=order.environment)
        self.children.append((child, device))

    def _reap(self) -> None:
        """Look at what has ended and why."""
        for child, device in [one for one in self.children if not one[0].is_alive()]:
            child.join()
            self.children.remove((child, device))
            self.free.insert(0, device)
            self._judge(child.pid, child.exitcode)
            child.close()

    def _judge(self, pid: int, code: int) -> None:
        found = next((trial for trial in self.state.trials() if trial.owner == owner(pid)), None)
        if code == NOTHING:
            self.nothing_at = sum(trial.state != "running" for trial in self.state.trials())
        elif code in STOPPED:
            logger.info("trial %s stopped at its checkpoint", found.id if found else "")
        elif found is None:
            raise WirechamberError(f"the process of a trial {ended(code)} before it had one")
        elif found.state == "running":
            self._say(self._died(found, code))
        else:
            self._say(found)

    def _died(self, trial: Trial, code: int) -> Trial:
        """Write down that the process of a trial was killed or died without a word."""
        with self.state.locked():
            now = self.state.read(trial.id)
            if now.owner == trial.owner and now.state == "running":
                now.state, now.killed, now.reason = "failed", True, f"the process {ended(code)}"
                self.state.write(now)
        return now

    def _say(self, trial: Trial) -> None:
        search = search_of(self.job)
        values = "  ".join(f"{path.rpartition('.')[2]} {value}" for path, value in trial.values.items())
        if trial.fatal:
            raise UserError(trial.reason)
        if trial.state == "failed":
            logger.warning("trial %s failed on %s: %s (%s)", trial.id, trial.device, trial.reason, values)
            return
        best = winner(self.job, self.state.trials())
        logger.info(
            "trial %s on %s: %s %.5g, best %.5g in %s (%s)", trial.id, trial.device, search.objective, trial.score,
            best.score if best else math.nan, best.id if best else "", values,
        )  # fmt: skip

    def _stop(self) -> None:
        """Stop what still runs, each at its checkpoint."""
        for child, _ in self.children:
            child.terminate()
        for child, device in self.children:
            stop(child)
            logger.info("the trial on %s was stopped at its checkpoint", describe_device(device))
        self.children.clear()


def winner(job: Job, trials: list[Trial]) -> Trial | None:
    """Return the best of the trials that are done; KerasTuner would also name one that failed."""
    done = [trial for trial in trials if trial.state == "done" and trial.score is not None]
    sign = 1.0 if direction(job) == "min" else -1.0
    return min(done, key=lambda trial: sign * (trial.score or 0.0), default=None)
