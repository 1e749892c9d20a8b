"""The folder of one submission: what was submitted, with which script, and the logs that HTCondor writes next to it.

<logs>/<file stem>-<time>/
    training.sub  job.sh            as they were submitted
    jobs/<run>.json                 the resolved job of each process
    events.log                      HTCondor's event log of the cluster
    logs/<cluster>.<process>.out    the output of a process, and .err
    submission.json                 cluster and runs
"""

import contextlib
import itertools
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from app.core.errors import Problem, UserError
from app.core.files import write_json
from app.core.system import roots
from app.core.types import Strict

FOLDER = ".condor"
"""Below the folder of the runs: no run's name begins with a dot."""
Kind = TypeVar("Kind", bound=Strict)


class Index(Strict):
    """The content of submission.json: `runs` in the order of their process numbers."""

    cluster: int
    runs: tuple[str, ...]
    memory: tuple[int, ...]
    max_retries: int = 0
    transfer: bool = False


@dataclass(frozen=True)
class Submission:
    """Paths inside the folder of a submission."""

    path: Path

    description = property(lambda self: self.path / "training.sub")
    script = property(lambda self: self.path / "job.sh")
    jobs = property(lambda self: self.path / "jobs")
    logs = property(lambda self: self.path / "logs")
    events = property(lambda self: self.path / "events.log")
    index = property(lambda self: self.path / "submission.json")

    def job(self, run: str) -> Path:
        """Return the resolved job file of a run."""
        return Path(self.jobs / f"{run}.json")

    def write_index(self, index: Index) -> None:
        """Write submission.json once the pool has taken the jobs."""
        write_json(self.index, index.model_dump(mode="json"))

    def remove(self) -> None:
        """Remove the folder of a submission that the pool did not take."""
        shutil.rmtree(self.path, ignore_errors=True)


def submissions_root(runs: Path) -> Path:
    """Return the folder of all submissions: $WIRECHAMBER_LOGS, else .condor/ in the folder of the runs."""
    return roots().logs or runs / FOLDER


def make_submission(folder: Path, stem: str) -> Submission:
    """Make the folder of a new submission; raises UserError when it cannot be written."""
    short = os.fsencode(stem)[:150].decode(errors="ignore")  # a folder may have a name of 255 bytes
    name = f"{short}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.count():
            path = folder / (f"{name}-{number}" if number else name)
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                break
        for below in ("jobs", "logs"):
            (path / below).mkdir()
    except OSError as error:
        what = f"the logs cannot be written ({error.strerror})"
        raise UserError(Problem(what, (str(folder),), expected="a writable folder: --logs DIR")) from None
    return Submission(path)


def find_submissions(folder: Path) -> list[tuple[Submission, Index]]:
    """Return the submissions that a pool took, the oldest first.

    Raises:
        UserError: a submission.json cannot be read.
    """
    submissions = [(Submission(path.parent), read_index(path, Index)) for path in folder.glob("*/submission.json")]
    return sorted(submissions, key=lambda pair: pair[1].cluster)


def newest_of(submissions: Sequence[tuple[Submission, Index]]) -> dict[str, tuple[Submission, Index, int]]:
    """Return, for each run, its last submission and its process number there."""
    return {run: (submission, index, proc) for submission, index in submissions for proc, run in enumerate(index.runs)}


def read_index(path: Path, kind: type[Kind]) -> Kind:
    """Return the content of the index of a submission or of a workflow; raises UserError when it cannot be read."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        what = f"not the index of a submission ({type(error).__name__})"
        raise UserError(Problem(what, (str(path),), expected="the file as it was written, or none")) from None
