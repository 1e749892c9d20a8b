"""Tracking a run in MLflow, without ever letting the run fail or wait for it: the only module that knows MLflow."""

import contextlib
import io
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from app.config import Job
from app.core import interruption
from app.core.errors import Interrupted, Problem, UserError
from app.core.files import read_json, write_json
from app.core.lock import LeaseLost
from app.core.passwords import hide_passwords, without_hidden
from app.runs.directory import RunDirectory

logger = logging.getLogger(__name__)

Epochs = Sequence[Mapping[str, Any]]
LONGEST_VALUE = 6000
"""The largest number of characters of a parameter in MLflow."""
METRICS_AT_ONCE = 500
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""MLflow tries for minutes by default; a training must not wait so long for a server that is down."""
LEFT_OUT = ("checkpoints", "tensorboard", "mlflow.json")


class Export:
    """One run in one experiment of an MLflow server or store.

    `mlflow.json` in the run's directory keeps the id and how many epochs were sent, so that a run that is resumed, or
    sent again, stays one run.

    Args:
        uri: of the server or store; it is shown and kept without its password.
        experiment: its name; made when it is missing.
        run: the run's directory.
    """

    def __init__(self, uri: str, experiment: str, run: RunDirectory) -> None:
        self.uri, self.experiment, self.run = uri, experiment, run
        self.shown_uri, self.run_id, self.sent = hide_passwords(uri), "", 0

    @cached_property
    def client(self) -> Any:
        """MLflow's client, which loads MLflow."""
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        import mlflow

        uri = without_hidden(self.uri)
        return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)

    def begin(self, job: Mapping[str, Any]) -> None:
        """Find or make the run, and send the job as parameters."""
        from mlflow.entities import Param

        known = read_json(self.run.mlflow) if self.run.mlflow.exists() else {}
        same_place = hide_passwords([known.get("uri"), known.get("experiment")]) == [self.shown_uri, self.experiment]
        if same_place and self._exists(known["run_id"]):
            self.run_id, self.sent = known["run_id"], known["epochs"]
            self.client.update_run(self.run_id, status="RUNNING")
        else:
            experiment = self.client.get_experiment_by_name(self.experiment)
            if experiment:
                place = experiment.experiment_id
            else:
                place = self.client.create_experiment(self.experiment, artefact_folder(self.uri))
            tags = {"application": job["application"], "mlflow.note.content": hide_passwords(job["rationale"])}
            self.run_id = str(self.client.create_run(place, tags=tags, run_name=self.run.name).info.run_id)
            parameters = [Param(path, str(value)[:LONGEST_VALUE]) for path, value in leaves(hide_passwords(job))]
            self.client.log_batch(self.run_id, params=parameters)
        self._write_state()

    def send_epochs(self, train: Sequence[Mapping[str, Any]], val: Sequence[Mapping[str, Any]]) -> None:
        """Send the metrics of the epochs that were not sent before."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        new = list(zip(train, val, strict=True))[self.sent :]
        self._log([Metric(key, value, now, t["epoch"]) for t, v in new for key, value in epoch_metrics(t, v)])
        self.sent = len(train)
        self._write_state()

    def finish(self, run: RunDirectory) -> None:
        """Send everything that is missing: epochs, metrics on the test split, artefacts."""
        from mlflow.entities import Metric

        history = read_json(run.history)
        if len(history["train"]) < self.sent:  # trained again under the same name
            self.sent = 0
        self.send_epochs(history["train"], history["val"])
        now, step = int(time.time() * 1000), history["best_epoch"] or 0
        last = history["test_final"] | {"training_time": history["training_time"]}
        self._log([Metric(f"test_{name}", value, now, step) for name, value in last.items()])
        for path in sorted(run.path.iterdir()):
            if path.name in LEFT_OUT or path.name.startswith("."):
                continue
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), path.name)
            elif path.suffix in (".json", ".txt"):  # versions before 0.2 kept passwords in them
                text = path.read_text(encoding="utf-8", errors="replace")
                self.client.log_text(self.run_id, hide_passwords(text), path.name)
            else:
                self.client.log_artifact(self.run_id, str(path))
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Report how the run ended; MLflow prints where the run can be seen, the password in the address included."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.client.set_terminated(self.run_id, status)
        for line in printed.getvalue().splitlines():
            logger.info("%s", hide_passwords(line))

    def _log(self, metrics: Sequence[Any]) -> None:
        for first in range(0, len(metrics), METRICS_AT_ONCE):
            self.client.log_batch(self.run_id, metrics=metrics[first : first + METRICS_AT_ONCE])

    def _exists(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return bool(self.client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def _write_state(self) -> None:
        facts = {"uri": self.shown_uri, "experiment": self.experiment, "run_id": self.run_id, "epochs": self.sent}
        write_json(self.run.mlflow, facts)


def epoch_metrics(train: Mapping[str, Any], val: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the metrics of one epoch by their names in MLflow.

    Losses are train_loss, val_loss, train_<task>_loss, ...; metrics of the validation split keep their own names:
    val_cos, angle_resolution_68pct, pos_mean_mm, ...
    """
    for prefix, row in (("train", train), ("val", val)):
        for name, value in row.items():
            if isinstance(value, int | float) and name != "epoch":
                yield (f"{prefix}_{name}" if name.endswith("loss") else name), float(value)


def leaves(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted paths and values of a JSON content; a list of plain values is one value."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from leaves(value, f"{path}.{name}" if path else str(name))
    elif isinstance(content, list) and any(isinstance(item, Mapping) for item in content):
        for position, item in enumerate(content):
            yield from leaves(item, f"{path}.{position}")
    else:
        yield path, json.dumps(content) if isinstance(content, list) else content


def artefact_folder(uri: str) -> str | None:
    """Return the folder of artefacts next to a store that is a file; None: the server decides."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(f"{uri.removeprefix('sqlite:///')}.artefacts").resolve().as_uri()


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
        except LeaseLost:  # the run, and its place on the server, are another process's
            raise
        except Exception as error:  # no failure of a server may cost a training
            reason = (hide_passwords(str(error)).strip().splitlines() or [type(error).__name__])[0][:200]
            logger.warning(
                "MLflow at %s does not answer (%s); the training goes on, its metrics are kept. Send them later with "
                "'wirechamber track %s'", self.export.shown_uri, reason, self.run,
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
    except LeaseLost:  # who has taken over the run reports its end
        raise
    except BaseException as error:
        tracking.stop("KILLED" if isinstance(error, Interrupted) or interruption.requested() else "FAILED")
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
    return f"{export.shown_uri}, experiment {export.experiment}, run {export.run_id}"
