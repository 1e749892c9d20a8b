"""A finished run as a comparison reads it: its small files, its predictions, and what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import registry
from app.core.errors import Problem, UserError
from app.predictions import Predictions
from app.run_directory import RunDirectory, find, runs_root

LIVE = ("queued", "idle", "running", "evicted", "held", "interrupted", "resubmitted")


@dataclass(frozen=True)
class Finished:
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
    def train_rows(self) -> int | None:
        """How many events it was trained on."""
        rows: Mapping[str, Any] = self.provenance.get("dataset", {}).get("rows", {})
        return rows.get("train")

    @property
    def model(self) -> str:
        """What the network is, in words."""
        made = self.job.get("model", {})
        said = self.model_config.get("description") or f"{made.get('name', '?')} {made.get('preset') or ''}"
        return str(said).strip()

    @cached_property
    def predictions(self) -> Predictions:
        """The predictions on the test split."""
        return Predictions.read(self.run.predictions)


def read_finished(text: str, root: Path | None = None) -> Finished:
    """Return the run that `text`, a name or a path, means.

    Raises:
        UserError: there is no such run, it is still running or has failed, or a file is missing or damaged.
    """
    run = find(text, root)
    _refuse_unfinished(run)
    job, metrics = read_object(run.job), read_object(run.metrics)
    history, provenance, model = (read_object(p) for p in (run.history, run.provenance, run.model_config))
    for key in ("application", "tasks"):
        if key not in job:
            raise UserError(Problem(f"the key {key!r} is missing", (str(run.job),), expected="the job of a run"))
    _check_metrics(run, metrics)
    benchmark = run.path / "benchmark.json"
    measured = read_object(benchmark) if benchmark.exists() else {}
    return Finished(run, job, metrics, history, provenance, model, measured)


def _refuse_unfinished(run: RunDirectory) -> None:
    here = run.path.parent == runs_root().resolve()  # of runs that lie elsewhere the registry does not speak
    record = registry.find(registry.root(), run.name) if here else None
    if record and (record.state in LIVE or record.state == "failed"):
        reason = f" ({record.reason})" if record.reason else ""
        raise UserError(Problem(f"the run is {record.state}{reason}", (str(run.path),), expected="a run that is done"))
    if not run.metrics.exists():
        what = "the run has not finished: there is no metrics.json"
        raise UserError(Problem(what, (str(run.path),), expected="a run that is done"))


def read_object(path: Path) -> dict[str, Any]:
    """Return the content of one of a run's JSON files; raises UserError when it is missing or damaged."""
    expected = "a file of a finished run"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(Problem("is missing", (str(path),), expected=expected)) from None
    except (OSError, ValueError) as error:
        raise UserError(Problem(f"cannot be read ({error})", (str(path),), expected=expected)) from None
    if not isinstance(content, dict):
        raise UserError(Problem("is not a JSON object", (str(path),), expected=expected))
    return content


def _check_metrics(run: RunDirectory, metrics: Mapping[str, Any]) -> None:
    for task, found in metrics.items():
        if not isinstance(found, dict) or not {"metric", "better", "model", "baselines"} <= found.keys():
            raise UserError(Problem("does not hold the figures of a task", (str(run.metrics), task)))


def read_all_finished(names: list[str]) -> list[Finished]:
    """Return runs of one application, each once; every unreadable one is told.

    Raises:
        UserError: as `read_finished`; a run is given twice; the runs are of different applications.
    """
    found, mistakes = list[Finished](), list[Problem]()
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


def _refuse_applications(found: list[Finished]) -> None:
    kinds = sorted({one.application for one in found})
    if len(kinds) > 1:
        said = ", ".join(f"{one.name}: {one.application}" for one in found)
        raise UserError(Problem("the runs are of different applications", (), None, "runs of one application", said))
