"""A finished run as a comparison reads it: its small files, its predictions, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from app.core.errors import Problem, UserError, unknown
from app.predictions import Predictions
from app.runs.directory import RunDirectory
from app.runs.files import read_file
from app.runs.finished import find_finished

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
        """What the network is, in words."""
        preset = self.job.get("model", {}).get("preset") or ""
        said = self.model_config.get("description") or f"{self.family} {preset}"
        return str(said).strip()

    @cached_property
    def predictions(self) -> Predictions:
        """The predictions on the test split."""
        return Predictions.read(self.run.predictions)


def read_finished(text: str, root: Path | None = None) -> ComparedRun:
    """Return the run that `text`, a name or a path, means.

    Raises:
        UserError: as `app.runs.finished.find_finished`.
    """
    run = find_finished(text, *FILES, root=root)
    benchmark = read_file(run.benchmark) if run.benchmark.exists() else {}
    history, provenance, model = (read_file(path) for path in (run.history, run.provenance, run.model_config))
    job, metrics = read_file(run.job), read_file(run.metrics)
    for task in metrics:
        if task not in job["tasks"]:
            raise UserError(unknown("task", task, list(job["tasks"]), (str(run.metrics),)))
    return ComparedRun(run, job, metrics, history, provenance, model, benchmark)


def read_all_finished(names: list[str]) -> list[ComparedRun]:
    """Return runs of one application, each once; every unreadable one is told.

    Raises:
        UserError: as `read_finished`; a run is given twice; the runs are of different applications.
    """
    found, mistakes = list[ComparedRun](), list[Problem]()
    for name in names:
        try:
            found.append(read_finished(name))
        except UserError as error:
            mistakes += error.problems
    if mistakes:
        raise UserError(*mistakes)
    for position, one in enumerate(found):
        if one.name in [other.name for other in found[:position]]:
            raise UserError(Problem("given twice: a comparison names runs", (one.name,), expected="different names"))
    _refuse_applications(found)
    return found


def _refuse_applications(found: list[ComparedRun]) -> None:
    kinds = sorted({one.application for one in found})
    if len(kinds) > 1:
        said = ", ".join(f"{one.name}: {one.application}" for one in found)
        raise UserError(
            Problem("the runs are of different applications", (), expected="runs of one application", received=said)
        )
