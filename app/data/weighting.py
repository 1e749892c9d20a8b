"""Per-event weights of a job, from its weightings and the events of its training split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import mul
from typing import Any, cast

import numpy as np

from app.config import Job
from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from datasets.pipeline.events import Events, Source
from datasets.pipeline.split import Splits

Placed = Sequence[tuple[int, Spec[Any]]]
"""Weightings with their positions in the job."""


@dataclass(frozen=True)
class Weighting:
    """Gives each event its weight: the product of a job's weightings, times what makes its training mean 1.

    Attributes:
        parts: a function of the columns for each weighting, with its place in the job and its name.
        source: whose columns these are.
        scale: what makes the mean 1.
    """

    parts: Sequence[tuple[int, str, Callable[[Mapping[str, Any]], Any]]]
    source: Source
    scale: float = 1.0

    def __call__(self, events: Events) -> Any:
        """Return the weights of events, (N,) float32."""
        columns = columns_of_events(events, self.source)
        return (self.scale * reduce(mul, (_of_one(*part, columns) for part in self.parts))).astype(np.float32)

    def dump(self) -> list[dict[str, Any]]:
        """Return what was found on the training split, of the weightings that look at it."""
        return [part.dump() for _, _, part in self.parts if hasattr(part, "dump")]


def make_weighting(job: Job, splits: Splits, source: Source) -> Weighting | None:
    """Return the weights of a job's events, of mean 1 over its training split, or None where it has no weighting.

    Those that change with the epoch are not among them: `curriculum` makes theirs.

    Raises:
        UserError: a weighting refuses the events of training or validation, or gives no weight to any of them.
    """
    specs = _placed(job, epochs=False)
    if not specs:
        return None
    weighting = Weighting(
        [(position, spec.name, _fitted(position, spec, splits, source)) for position, spec in specs], source
    )
    total = sum(float(weighting(events).sum(dtype=np.float64)) for events in splits.train)
    for events in splits.validation:  # what they refuse is told now, not at the end of the first epoch
        weighting(events)
    if not total:
        raise UserError(Problem("no training event has a weight", ("weighting",), received=_names(specs)))
    return replace(weighting, scale=splits.train.rows / total)


class _Blocks:
    """The columns of the training split, a block at a time, again and again."""

    def __init__(self, splits: Splits, source: Source) -> None:
        self.splits, self.source = splits, source

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (columns_of_events(events, self.source) for events in self.splits.train)


def _fitted(position: int, spec: Spec[Any], splits: Splits, source: Source) -> Callable[[Mapping[str, Any]], Any]:
    if not spec.component.facts.fits:
        return spec.build
    try:
        return cast(Callable[[Mapping[str, Any]], Any], spec.build(_Blocks(splits, source)))
    except UserError as error:
        raise error.under("weighting", position) from None


def _placed(job: Job, epochs: bool) -> Placed:
    every = enumerate(job.weighting)
    return [(position, spec) for position, spec in every if spec.component.facts.epochs is epochs]


def _names(specs: Placed) -> list[str]:
    return [spec.name for _, spec in specs]


def _of_one(position: int, name: str, part: Callable[[Mapping[str, Any]], Any], columns: Mapping[str, Any]) -> Any:
    try:
        found = np.asarray(part(columns), np.float64)
    except UserError as error:
        raise error.under("weighting", position) from None
    bad = ~(np.isfinite(found) & (found >= 0))
    if bad.any():
        what = f"{name!r} gives weights that are negative or not finite"
        raise UserError(
            Problem(what, ("weighting", position), expected="weights from 0 up", received=float(found[bad][0]))
        )
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
        for name in spec.component.facts.needs:
            if name not in columns:
                what = f"{spec.name!r} needs the input column {name!r}"
                raise UserError(Problem(what, ("weighting", position), received=list(columns)))
    calls = [partial(spec.component.call, **spec.arguments) for _, spec in specs]
    return lambda columns, epoch: reduce(mul, (call(columns, epoch) for call in calls))


def columns_of_events(events: Events, source: Source) -> dict[str, Any]:
    """Return input columns and extras by name, and targets as true_<target>, (N,) each."""
    inputs = {
        column.name: events.inputs[name][:, i]
        for name, tensor in source.inputs.items()
        if tensor.flat
        for i, column in enumerate(tensor.columns)
    }
    others = {name: values for name, values in events.columns.items() if name not in source.targets}
    return inputs | others | {f"true_{name}": events.columns[name] for name in source.targets}
