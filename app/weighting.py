"""Per-event weights of a job, from its weightings and the events of its training split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from operator import mul
from typing import Any

import numpy as np

from app.config import Job
from datasets._events import Events, Source
from datasets._pipeline import Part


def make_weighting(job: Job, train: Part, source: Source) -> Callable[[Events], Any] | None:
    """Return the function that gives each event its weight, (N,) float32 of mean 1 over the training split, or None.

    Several weightings are multiplied. Those that change with the epoch are not among them: `curriculum` makes theirs.
    """
    specs = [spec for spec in job.weighting if not spec.component.facts.get("epochs")]
    if not specs:
        return None

    def weights(events: Events) -> Any:
        columns = columns_of_events(events, source)
        return reduce(mul, (np.asarray(spec.build(columns), np.float64) for spec in specs))

    total = sum(float(weights(events).sum()) for events in train)
    return lambda events: (weights(events) * (train.rows / total)).astype(np.float32)


def curriculum(job: Job) -> Callable[[Mapping[str, Any], Any], Any] | None:
    """Return the weights (N,) by (columns, epoch) that change while the training goes on, or None."""
    specs = [spec for spec in job.weighting if spec.component.facts.get("epochs")]
    if not specs:
        return None
    calls = [partial(spec.component.call, **spec.parameters) for spec in specs]
    return lambda columns, epoch: reduce(mul, (call(columns, epoch) for call in calls))


def columns_of_events(events: Events, source: Source) -> dict[str, Any]:
    """Return input columns and extras by name, and targets as true_<target>, (N,) each."""
    inputs = {
        column.name: events.inputs[name][:, i]
        for name, tensor in source.inputs.items()
        if len(tensor.shape) == 1
        for i, column in enumerate(tensor.columns)
    }
    others = {name: values for name, values in events.columns.items() if name not in source.targets}
    return inputs | others | {f"true_{name}": events.columns[name] for name in source.targets}
