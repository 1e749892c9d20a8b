"""The files of a search, the same for one worker and for many: one record per trial, all under one lock.

A trial that is running has a lease, a lock file that its process keeps alive; a trial without one is continued from its
checkpoint by the next process. No worker is special, so any of them may die.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.checks.search import direction
from app.config import Job
from app.core.errors import Problem, UserError
from app.core.files import read_json, write_json
from app.core.lock import Lease, LockTaken, locked

WAIT = 900.0
"""Seconds to wait for the search's own lock: a draw takes a second, to notice a dead machine half a minute."""
State = Literal["running", "done", "failed"]


@dataclass
class Trial:
    """The record of one trial.

    Attributes:
        id: KerasTuner's number.
        drawn: what was drawn, by path; KerasTuner's own entries are called "tuner/...".
        values: the job's values by path.
        state: running (with a lease, or to be taken up), done or failed.
        score: the objective of the kept model on the validation split, the mean over the executions.
        scores: of each execution.
        best_epoch: of the kept model in the first execution.
        reason: why it failed.
        killed: failed because its process was killed: it is tried again when the search is resumed.
        fatal: failed for a reason that all trials share.
        owner: host and number of the process that runs it.
        device: where it ran.
        attempts: how many processes took it up.
        started: time of the first of them [s since the epoch].
        seconds: of training, of a failed trial until it failed; 0 where its process was killed.
    """

    id: str
    drawn: dict[str, Any]
    values: dict[str, Any]
    state: State = "running"
    score: float | None = None
    scores: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    reason: str = ""
    killed: bool = False
    fatal: bool = False
    owner: str = ""
    device: str = ""
    attempts: int = 0
    started: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class SearchState:
    """The files of the search in one run's directory."""

    run: Path

    folder = property(lambda self: self.run / "search")
    oracle = property(lambda self: self.folder / "oracle.json")
    records = property(lambda self: self.folder / "trials")
    registry = property(lambda self: self.folder / "registry")
    published = property(lambda self: self.folder / "published.json")
    runs = property(lambda self: self.run / "trials")

    def make(self) -> None:
        """Make the folders."""
        for folder in (self.records, self.runs):
            folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the search, which is needed to draw, take up or end a trial."""
        with locked(self.folder / ".lock", wait=WAIT):
            yield

    def trials(self) -> list[Trial]:
        """Return all trials in the order of their ids."""
        return [self.read(path.stem) for path in sorted(self.records.glob("*.json"))]

    def read(self, trial: str) -> Trial:
        """Return one trial; raises UserError when its file is damaged."""
        path = self.records / f"{trial}.json"
        expected = "a trial of the search; without the file it is drawn anew"
        try:
            return Trial(**read_json(path, expected))
        except TypeError as error:
            raise UserError(Problem(f"cannot be read ({error})", (str(path),), expected=expected)) from None

    def write(self, trial: Trial) -> None:
        """Write one trial; only under the lock."""
        write_json(self.records / f"{trial.id}.json", asdict(trial))

    def lease(self, trial: str) -> contextlib.AbstractContextManager[Lease]:
        """Return the lease of a trial, which raises LockTaken where a living process has it."""
        return locked(self.records / f"{trial}.lease", wait=0.0)

    def is_free(self, trial: str) -> bool:
        """Whether no living process has the lease of a trial."""
        try:
            with self.lease(trial):
                return True
        except LockTaken:
            return False


def owner(pid: int | None = None) -> str:
    """Return the name of a process of this machine in the records."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"


def best_trial(job: Job, trials: Sequence[Trial]) -> Trial | None:
    """Return the best of the trials that are done; KerasTuner would also name one that failed."""
    sign = 1.0 if direction(job) == "min" else -1.0
    return min(scored(trials), key=lambda trial: sign * (trial.score or 0.0), default=None)


def scored(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that are done and have a score."""
    return [trial for trial in trials if trial.state == "done" and trial.score is not None]
