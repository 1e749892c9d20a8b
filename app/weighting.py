"""Per-event weights of a job, from its weightings and the events of its training split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from operator import mul
from typing import Any

import numpy as np

from app.config import Job
from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from datasets._events import Events, Source
from datasets._pipeline import Splits

Placed = Sequence[tuple[int, Spec[Any]]]
"""Weightings with their positions in the job."""


def make_weighting(job: Job, splits: Splits, source: Source) -> Callable[[Events], Any] | None:
    """Return the function that gives each event its weight, (N,) float32 of mean 1 over the training split, or None.

    Several weightings are multiplied. Those that change with the epoch are not among them: `curriculum` makes theirs.

    Raises:
        UserError: a weighting refuses the events of training or validation, or gives no weight to any of them.
    """
    specs = _placed(job, epochs=False)
    if not specs:
        return None

    def weights(events: Events) -> Any:
        columns = columns_of_events(events, source)
        return reduce(mul, (_of_one(position, spec, columns) for position, spec in specs))

    total = sum(float(weights(events).sum()) for events in splits.train)
    for events in splits.validation:  # what they refuse is told now, not at the end of the first epoch
        weights(events)
    if not total:
        raise UserError(Problem("no training event has a weight", ("weighting",), received=_names(specs)))
    scale = splits.train.rows / total
    return lambda events: (weights(events) * scale).astype(np.float32)


def _placed(job: Job, epochs: bool) -> Placed:
    every = enumerate(job.weighting)
    return [(position, spec) for position, spec in every if bool(spec.component.facts.get("epochs")) is epochs]


def _names(specs: Placed) -> list[str]:
    return [spec.name for _, spec in specs]


def _of_one(position: int, spec: Spec[Any], columns: Mapping[str, Any]) -> Any:
    try:
        found = np.asarray(spec.build(columns), np.float64)
    except UserError as error:
        raise error.under("weighting", position) from None
    bad = ~(np.isfinite(found) & (found >= 0))
    if bad.any():
        what = f"{spec.name!r} gives weights that are negative or not finite"
        raise UserError(Problem(what, ("weighting", position), None, "weights from 0 up", float(found[bad][0])))
    return found


def curriculum(job: Job, columns: Sequence[str]) -> Callable[[Mapping[str, Any], Any], Any] | None:
    """Return the weights (N,) by (columns, epoch) that change while the training goes on, or None.

    Args:
        job: the job.
        columns: names of the input columns of its data.
    """
    specs = _placed(job, epochs=True)
    if not specs:
        return None
    for position, spec in specs:
        for name in spec.component.facts["needs"]:
            if name not in columns:
                what = f"{spec.name!r} needs the input column {name!r}"
                raise UserError(Problem(what, ("weighting", position), received=list(columns)))
    calls = [partial(spec.component.call, **spec.parameters) for _, spec in specs]
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
