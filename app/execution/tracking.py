"""Telling MLflow what a run does, without ever letting the run fail or wait for it."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.config import Job
from app.core.errors import Interrupted, Problem, UserError
from app.execution.mlflow import Export
from app.runs.directory import RunDirectory

logger = logging.getLogger(__name__)

Epochs = Sequence[Mapping[str, Any]]


class Tracking:
    """Sends epochs while they come, and stops at the first failure: the figures stay in the run's directory.

    Args:
        export: where to; None for a job that tells nobody.
        run: name of the run.
    """

    def __init__(self, export: Export | None, run: str) -> None:
        self.export, self.run = export, run

    def epochs(self, train: Epochs, val: Epochs) -> None:
        """Send those of the epochs that were not sent before."""
        self._try(lambda export: export.epochs(train, val))

    def finish(self, directory: RunDirectory) -> None:
        """Send everything that is still missing, and the artefacts."""
        self._try(lambda export: export.finish(directory))

    def stopped(self, status: str) -> None:
        """Say that the run ended before its time: FAILED or KILLED."""
        self._try(lambda export: export.end(status))

    def _try(self, send: Any) -> None:
        if self.export is None:
            return
        try:
            send(self.export)
        except Exception as error:  # whatever a foreign server does must not cost a training
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            logger.warning(
                "MLflow at %s does not answer (%s); the training goes on, its figures are kept. Send them later with "
                "'wirechamber track %s'", self.export.uri, reason, self.run,
            )  # fmt: skip
            self.export = None


@contextlib.contextmanager
def track_run(job: Job, run: RunDirectory) -> Iterator[Tracking]:
    """Track a run from its start to its end, whichever that is."""
    wanted = job.tracking.mlflow
    export = Export(wanted.uri, wanted.experiment or job.application, run) if wanted else None
    tracking = Tracking(export, run.name)
    tracking._try(lambda export: export.begin(job.dump()))
    try:
        yield tracking
    except BaseException as error:
        tracking.stopped("KILLED" if isinstance(error, Interrupted) else "FAILED")
        raise
    tracking.finish(run)


def send(run: RunDirectory, uri: str | None = None, experiment: str | None = None) -> str:
    """Send a finished run, or what is missing of it, and return where it is now.

    Raises:
        UserError: the run is not finished, or nobody said where to.
        Exception: what MLflow raised.
    """
    if not run.metrics.exists():
        raise UserError(Problem("the run is not finished", (str(run.path),), expected="a run that is done"))
    job = json.loads(run.job.read_text())
    stated = (job.get("tracking") or {}).get("mlflow") or {}
    uri = uri or stated.get("uri")
    if uri is None:
        raise UserError(Problem("the job names no MLflow server", ("track",), expected="--uri http://host:port"))
    export = Export(uri, experiment or stated.get("experiment") or job["application"], run)
    export.begin(job)
    export.finish(run)
    return f"{uri}, experiment {export.experiment}, run {export.run_id}"
