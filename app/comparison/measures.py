"""The figures of a run, measured by its own metrics on any choice of its test events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.comparison.compared_run import ComparedRun
from app.config import Task
from app.core.catalog import Spec
from app.evaluation.metrics import merge_tasks, task_metrics
from app.metrics import METRICS
from app.predictions import Predictions


@dataclass(frozen=True)
class Place:
    """A figure of a run: of all events, or the leading one of a task in one bin."""

    name: str
    task: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def label(self) -> str:
        """The bin as it is written: "2 - 5", or "all"."""
        return "all" if self.low is None else f"{self.low:.4g} - {self.high:.4g}"


@dataclass(frozen=True)
class Measures:
    """The metrics of a run's tasks; `leading` names the first figure of each as `merged` writes it."""

    tasks: Mapping[str, Task]
    leading: Mapping[str, str]
    better: Mapping[str, str]
    binned_in: Mapping[str, str]

    def __call__(self, predictions: Predictions) -> dict[Place, float]:
        """Return every single figure, and each task's leading one by bin."""
        found = {name: task_metrics(predictions, task) for name, task in self.tasks.items()}
        values = {Place(name): float(value) for name, value in merge_tasks(found).items() if not name.endswith("rows")}
        for task, one in found.items():
            leading = self.tasks[task].metrics[0].component.facts.primary
            for part in one.get("bins", ()):
                if leading in part:
                    place = Place(self.leading[task], task, part["low"], part["high"])
                    values[place] = float(part[leading])
        return values


def measures_of(run: ComparedRun) -> Measures:
    """Return the metrics that the run's job asks for.

    Bins that hold equally many events are those of all its test events, wherever the metrics are taken after that.
    """
    tasks = {name: _task(run, name) for name in run.metrics}
    given = [figure for found in run.metrics.values() for figure in found["model"]]
    facts = {name: task.metrics[0].component.facts for name, task in tasks.items()}
    leading = {
        task: f"{task}_{fact.primary}" if given.count(fact.primary) > 1 else fact.primary
        for task, fact in facts.items()
    }
    better = {task: fact.better for task, fact in facts.items()}
    return Measures(tasks, leading, better, {task: fact.binned_in for task, fact in facts.items()})


def _task(run: ComparedRun, name: str) -> Task:
    job = run.job["tasks"][name]
    bins = run.metrics[name]["model"].get("bins", [])
    specs = [_fixed(METRICS.parse(metric), bins) for metric in job["metrics"]]
    return Task.model_construct(targets=tuple(job["targets"]), metrics=tuple(specs))


def _fixed(spec: Spec[dict[str, Any]], bins: list[dict[str, Any]]) -> Spec[dict[str, Any]]:
    """Return the metric with the edges of the bins that it found, where it chooses them by the events."""
    edges = tuple([one["low"] for one in bins] + [one["high"] for one in bins[-1:]])
    chosen = {key: edges for key, value in spec.parameters.items() if key.endswith("_bins") and value is None}
    return replace(spec, options=spec.options.model_copy(update=chosen)) if chosen and edges else spec
