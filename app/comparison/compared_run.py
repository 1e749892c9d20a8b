"""A finished run as a comparison reads it: its small files, its predictions, and the speed in its benchmark.json."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError, unknown
from app.predictions import Predictions
from app.runs.directory import RunDirectory
from app.runs.evaluated import read_trained_on
from app.runs.files import read_file
from app.runs.finished import find_all_finished
from app.runs.record import describe_model

logger = logging.getLogger(__name__)

FILES = ("history", "provenance", "model_config", "predictions")
BETTER = 0.99
"""An error counts as smaller only when it is below this fraction of the other: smaller differences are rounding."""


@dataclass(frozen=True)
class ComparedRun:
    """The contents of a run's files by name.

    `benchmark` is empty until the run was benchmarked; `evaluation` is the folder of its metrics and predictions where
    they are not those of its test split.
    """

    run: RunDirectory
    job: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: Mapping[str, Any]
    provenance: Mapping[str, Any]
    model_config: Mapping[str, Any]
    benchmark: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Path | None = None

    name = property(lambda self: self.run.name)
    application = property(lambda self: self.job["application"])
    parameters = property(lambda self: self.model_config.get("parameters"))
    training_time = property(lambda self: self.history.get("training_time"))

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
        """The predictions on the test split, or on the files that it was evaluated on."""
        return Predictions.read((self.evaluation or self.run.path) / self.run.predictions.name)

    def throughput(self, device: str = "cpu") -> float | None:
        """The highest throughput [events/s] on "cpu" or "gpu", None where none was measured."""
        return highest_throughput(self.benchmark, device)


@dataclass(frozen=True)
class RungeKutta:
    """One row of Runge-Kutta: how accurate, and how fast.

    Attributes:
        engine: e.g. rk4_cpp_1_thread.
        steps: of a track.
        mean: position error [mm].
        tail: 95 % of the tracks are better [mm].
        throughput: tracks/s.
    """

    engine: str
    steps: int
    mean: float
    tail: float
    throughput: float

    @property
    def name(self) -> str:
        """As in a table: 'RK4, 5 steps (cpp 1 thread)', 'Cash-Karp, 4 steps (cpp 1 thread)'."""
        method, prefix = ("Cash-Karp", "cash_karp_") if self.engine.startswith("cash_karp_") else ("RK4", "rk4_")
        engine = self.engine.removeprefix(prefix).replace("_", " ")
        return f"{method}, {self.steps} step{'s' if self.steps > 1 else ''} ({engine})"


def read_compared_runs(names: Sequence[str], evaluation: Path | bool | None = None) -> list[ComparedRun]:
    """Return runs of one application, each given by its name or path.

    Args:
        names: of the runs.
        evaluation: whether they are compared on the files that `evaluate --data` measured them on; a folder has one
            for each run, else each run has its own.

    Raises:
        UserError: as `app.runs.finished.find_all_finished`; two runs have the same name; the runs are of different
            applications; a run was not evaluated on other files.
    """
    runs = []
    for run in find_all_finished(names, *FILES):
        folder = evaluation and (run.evaluation if evaluation is True else Path(evaluation, run.name))
        trained_on = read_trained_on(folder, run.name) if folder else 0
        if trained_on:
            logger.warning("%s was trained on %d of these events", run.name, trained_on)
        job, metrics = read_file(run.job), read_file(folder / run.metrics.name if folder else run.metrics)
        for task in metrics:
            if task not in job["tasks"]:
                raise UserError(unknown("task", task, list(job["tasks"]), (str(run.metrics),)))
        history, provenance, model = (read_file(path) for path in (run.history, run.provenance, run.model_config))
        benchmark = read_file(run.benchmark) if run.benchmark.exists() else {}
        runs.append(ComparedRun(run, job, metrics, history, provenance, model, benchmark, folder or None))
    for name, count in Counter(run.name for run in runs).items():
        if count > 1:
            raise UserError(Problem("given twice: a comparison names runs", (name,), expected="different names"))
    check_one_application({run.name: run.application for run in runs})
    return runs


def check_one_application(applications: Mapping[str, str]) -> None:
    """Raise UserError unless runs, given with their application by name, are of one application."""
    if len({*applications.values()}) > 1:
        received = ", ".join(f"{name}: {application}" for name, application in applications.items())
        what = "the runs are of different applications"
        raise UserError(Problem(what, expected="runs of one application", received=received))


def align_events(runs: Sequence[ComparedRun]) -> dict[str, Predictions]:
    """Return the predictions of each run, events in the order of their keys.

    The keys of the test events and their truth decide, not the fingerprint of the data: a run on a share of the
    training events has the same test events as one on all of them, and the two may be compared.

    Raises:
        UserError: the runs were tested on different events, have keys that occur twice, or learn different targets.
    """
    aligned: dict[str, Predictions] = {}
    for run in runs:
        order = np.argsort(run.predictions.key)
        if not len(order):
            expected = "predictions of at least one event"
            raise UserError(Problem("the run has no test events", (run.name,), expected=expected))
        if (np.diff(run.predictions.key[order]) == 0).any():
            raise UserError(Problem("test events have the same key", (run.name,), expected="a key for each event"))
        aligned[run.name] = run.predictions.select(order)
    (first, events), *others = aligned.items()
    what, expected = f"tested on other data than {first}", "runs on the same test events"
    for name, other in others:
        common = len(np.intersect1d(events.key, other.key))
        if not common == len(events) == len(other):
            received = f"{len(events):,} and {len(other):,} test events, {common:,} of them in both"
            raise UserError(Problem(what, (name,), expected=expected, received=received))
        for target in sorted(events.true.keys() & other.true.keys()):
            if not np.allclose(events.true[target], other.true[target], rtol=1e-5, atol=1e-6):
                what += f": equal keys, but another true {target}"
                raise UserError(Problem(what, (name,), expected=expected))
    return aligned


def highest_throughput(benchmark: Mapping[str, Any], device: str = "cpu") -> float | None:
    """Return the highest throughput [events/s] of any engine and batch size, None where none was measured.

    Args:
        benchmark: content of benchmark.json.
        device: "cpu" or "gpu".
    """
    rates = (row.get(f"throughput_{device}") for _, row in batch_sizes(benchmark))
    return max((float(rate) for rate in rates if isinstance(rate, int | float)), default=None)


def batch_sizes(benchmark: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return each batch size of benchmark.json with its measurements; nothing where the file is damaged."""
    sizes = benchmark.get("batch_sizes")
    return [(s, row) for s, row in sizes.items() if isinstance(row, Mapping)] if isinstance(sizes, Mapping) else []


def best_runge_kutta(benchmarks: Iterable[Mapping[str, Any]]) -> list[RungeKutta]:
    """Return the rows of Runge-Kutta that no other one beats in speed and accuracy, the fastest first.

    Args:
        benchmarks: contents of benchmark.json of runs on the same data.
    """
    rows = []
    for benchmark in benchmarks:
        contents = benchmark.get("runge_kutta")
        for row in contents if isinstance(contents, Sequence) else ():
            if isinstance(row, Mapping) and {"engine", "steps", "pos_mean_mm", "pos_95_mm", "throughput"} <= row.keys():
                errors = float(row["pos_mean_mm"]), float(row["pos_95_mm"])
                rows.append(RungeKutta(str(row["engine"]), int(row["steps"]), *errors, float(row["throughput"])))
    best: list[RungeKutta] = []
    for candidate in sorted(rows, key=lambda row: -row.throughput):
        if not best or candidate.mean < BETTER * best[-1].mean:
            best.append(candidate)
    return best
