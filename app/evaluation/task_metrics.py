"""What a task's metrics say of predictions, as one mapping; no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.config import Task
from app.predictions import Predictions


def task_metrics(predictions: Predictions, task: Task) -> dict[str, Any]:
    """Return what the task's metrics say of its targets; in the bins of the first that has them stand all of them."""
    own = predictions.only(task.targets)
    found: dict[str, Any] = {}
    for metric in task.metrics:
        for key, value in metric.build(own).items():
            found[key] = _joined(found[key], value) if key in found and _is_binned(value) else value
    return found


def _is_binned(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _joined(bins: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    more = {(other["low"], other["high"]): other for other in others}
    return [{**one, **more.get((one["low"], one["high"]), {})} for one in bins]


def scalars(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the single figures among metrics, those by bin left out."""
    return {name: value for name, value in figures.items() if isinstance(value, (int, float))}


def merge_tasks(figures_of_tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the single figures of all tasks; a name that several of them give is written as <task>_<name>."""
    single = {task: scalars(found) for task, found in figures_of_tasks.items()}
    every = [name for found in single.values() for name in found]
    return {
        f"{task}_{name}" if every.count(name) > 1 else name: value
        for task, found in single.items()
        for name, value in found.items()
    }


def measure(predictions: Predictions, task: Task, fitted: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"metric", "better", "model": metrics, "baselines": {name: metrics}} of one task, and what these are."""
    facts = task.metrics[0].component.facts
    known = predictions.only(task.targets).baselines
    return {
        "metric": facts.primary,
        "better": facts.better,
        "binned_in": facts.binned_in,
        "model": task_metrics(predictions, task),
        "baselines": {name: task_metrics(predictions.of_baseline(name), task) for name in known},
        "descriptions": {name: baseline.description for name, baseline in fitted.items()},
    }
