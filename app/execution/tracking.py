"""Tracking a run in MLflow, without ever letting the run fail or wait for it."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.config import Job
from app.core.errors import Interrupted, Problem, UserError
from app.core.files import read_json
from app.execution.mlflow import Export
from app.runs.directory import RunDirectory

logger = logging.getLogger(__name__)

Epochs = Sequence[Mapping[str, Any]]


class Tracking:
    """Sends epochs as they come, and stops at the first failure: the metrics stay in the run's directory.

    Args:
        export: the run in MLflow; None for a job that is not tracked.
        run: name of the run.
    """

    def __init__(self, export: Export | None, run: str) -> None:
        self.export, self.run = export, run

    def begin(self, job: Job) -> None:
        """Find or make the run in MLflow."""
        self._try(lambda export: export.begin(job.dump()))

    def send_epochs(self, train: Epochs, val: Epochs) -> None:
        """Send the epochs that were not sent before."""
        self._try(lambda export: export.send_epochs(train, val))

    def finish(self, directory: RunDirectory) -> None:
        """Send everything that is still missing, and the artefacts."""
        self._try(lambda export: export.finish(directory))

    def stop(self, status: str) -> None:
        """Report that the run ended early: FAILED or KILLED."""
        self._try(lambda export: export.end(status))

    def _try(self, send: Any) -> None:
        if self.export is None:
            return
        try:
            send(self.export)
        except Exception as error:  # no failure of a server may cost a training
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            logger.warning(
                "MLflow at %s does not answer (%s); the training goes on, its metrics are kept. Send them later with "
                "'wirechamber track %s'", self.export.uri, reason, self.run,
            )  # fmt: skip
            self.export = None


@contextlib.contextmanager
def track_run(job: Job, run: RunDirectory) -> Iterator[Tracking]:
    """Track a run from its start to its end, also a failure."""
    wanted = job.tracking.mlflow
    export = Export(wanted.uri, wanted.experiment or job.application, run) if wanted else None
    tracking = Tracking(export, run.name)
    tracking.begin(job)
    try:
        yield tracking
    except BaseException as error:
        tracking.stop("KILLED" if isinstance(error, Interrupted) else "FAILED")
        raise
    tracking.finish(run)


def send(run: RunDirectory, uri: str | None = None, experiment: str | None = None) -> str:
    """Send a finished run, or what is missing in MLflow, and return its place there.

    Raises:
        UserError: the run is not finished, or neither the job nor the caller names a server.
        Exception: any error of MLflow.
    """
    if not run.metrics.exists():
        raise UserError(Problem("the run is not finished", (str(run.path),), expected="a run that is done"))
    job = read_json(run.job)
    stated = (job.get("tracking") or {}).get("mlflow") or {}
    uri = uri or stated.get("uri")
    if uri is None:
        raise UserError(Problem("the job names no MLflow server", ("track",), expected="--uri http://host:port"))
    export = Export(uri, experiment or stated.get("experiment") or job["application"], run)
    export.begin(job)
    export.finish(run)
    return f"{uri}, experiment {export.experiment}, run {export.run_id}"
