"""A finished run as a comparison reads it: its small files, its predictions, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from app.core.errors import Problem, UserError, unknown
from app.predictions import Predictions
from app.runs.directory import RunDirectory
from app.runs.files import read_file
from app.runs.finished import find_all_finished
from app.runs.record import describe_model

FILES = ("history", "provenance", "model_config", "predictions")


@dataclass(frozen=True)
class ComparedRun:
    """The contents of a run's files by name; `benchmark` is empty until the run was benchmarked."""

    run: RunDirectory
    job: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: Mapping[str, Any]
    provenance: Mapping[str, Any]
    model_config: Mapping[str, Any]
    benchmark: Mapping[str, Any] = field(default_factory=dict)

    name = property(lambda self: self.run.name)
    application = property(lambda self: self.job["application"])
    parameters = property(lambda self: self.model_config.get("parameters"))
    training_time = property(lambda self: self.history.get("training_time"))
    epochs = property(lambda self: len(self.history.get("train", ())))

    @property
    def family(self) -> str:
        """The name of the model, whatever its size."""
        return str(self.job.get("model", {}).get("name", "?"))

    @property
    def train_rows(self) -> int | None:
        """How many events it was trained on."""
        rows: Mapping[str, Any] = self.provenance.get("dataset", {}).get("rows", {})
        return rows.get("train")

    @property
    def model(self) -> str:
        """A description of the model."""
        return self.model_config.get("description") or describe_model(self.family, self.job.get("model", {}))

    @cached_property
    def predictions(self) -> Predictions:
        """The predictions on the test split."""
        return Predictions.read(self.run.predictions)


def read_compared_runs(names: Sequence[str]) -> list[ComparedRun]:
    """Return runs of one application, each given by its name or path.

    Raises:
        UserError: as `app.runs.finished.find_all_finished`; two runs have the same name; the runs are of different
            applications.
    """
    runs = []
    for run in find_all_finished(names, *FILES):
        job, metrics = read_file(run.job), read_file(run.metrics)
        for task in metrics:
            if task not in job["tasks"]:
                raise UserError(unknown("task", task, list(job["tasks"]), (str(run.metrics),)))
        history, provenance, model = (read_file(path) for path in (run.history, run.provenance, run.model_config))
        benchmark = read_file(run.benchmark) if run.benchmark.exists() else {}
        runs.append(ComparedRun(run, job, metrics, history, provenance, model, benchmark))
    for name, count in Counter(run.name for run in runs).items():
        if count > 1:
            raise UserError(Problem("given twice: a comparison names runs", (name,), expected="different names"))
    if len({run.application for run in runs}) > 1:
        what, received = "the runs are of different applications", ", ".join(f"{r.name}: {r.application}" for r in runs)
        raise UserError(Problem(what, expected="runs of one application", received=received))
    return runs
