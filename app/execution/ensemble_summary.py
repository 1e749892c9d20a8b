"""What an ensemble gains over its members, measured on the same events."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

from app.evaluation.task_metrics import scalars
from registry.record import number


def beside_members(results: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metrics of the ensemble's tasks with the single figures of its members, measured on the same events.

    Args:
        results: content of metrics.json of the ensemble.
        known: that of each member, by its name.
    """
    return {
        task: {**found, "members": {name: dict(scalars(one[task]["model"])) for name, one in known.items()}}
        for task, found in results.items()
    }


def describe_members(found: Mapping[str, Any]) -> str:
    """Say what a task's ensemble gains over its members, in its leading metric.

    >>> in_words({"metric": "rms", "better": "lower", "model": {"rms": 0.8}, "members": {"a": {"rms": 1.0}, \
"b": {"rms": 0.9}}})
    'rms of the members 1.00, 0.900: their mean 0.950, of the ensemble 0.800'
    """
    metric = found["metric"]
    values = [figures[metric] for figures in found["members"].values()]
    words, own = ", ".join(map(number, values)), number(found["model"][metric])
    return f"{metric} of the members {words}: their mean {number(mean(values))}, of the ensemble {own}"


def gains(results: Mapping[str, Any]) -> list[str]:
    """Return a line for each task of an ensemble, nothing for a single training."""
    return [describe_members(found) for found in results.values() if found.get("members")]
