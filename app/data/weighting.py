"""Per-event weights of a job, from its weightings and the events of its training split."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import mul
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from datasets.pipeline.events import Events, Source
from datasets.pipeline.split import Splits


@dataclass(frozen=True)
class Blocks:
    """The blocks of a split, each turned into what `make` returns of it, anew in every iteration."""

    part: Iterable[Events]
    make: Callable[[Events], Any]

    def __iter__(self) -> Iterator[Any]:
        return map(self.make, self.part)


@dataclass(frozen=True)
class Weighting:
    """Gives each event its weight: the product of a job's weightings, times what makes its training mean 1.

    Attributes:
        parts: a function of the columns for each weighting, with its place in the job and its name.
        source: of the events.
        scale: what makes the mean 1.
    """

    parts: Sequence[tuple[int, str, Callable[[Mapping[str, Any]], Any]]]
    source: Source
    scale: float = 1.0

    def __call__(self, events: Events) -> Any:
        """Return the weights of events, (N,) float32."""
        columns = event_columns(events, self.source)
        product: Any = 1.0
        for position, name, part in self.parts:
            try:
                weights = np.asarray(part(columns), np.float64)
            except UserError as error:
                raise error.under("weighting", position) from None
            bad = weights[~(np.isfinite(weights) & (weights >= 0))]
            if len(bad):
                what = f"{name!r} gives weights that are negative or not finite"
                problem = Problem(what, ("weighting", position), expected="weights from 0 up", received=float(bad[0]))
                raise UserError(problem)
            product = product * weights
        return (self.scale * product).astype(np.float32)

    def dump(self) -> list[dict[str, Any]]:
        """Return what the weightings that look at the training split have found there."""
        return [part.dump() for _, _, part in self.parts if hasattr(part, "dump")]


def make_weighting(job: Job, splits: Splits, source: Source) -> Weighting | None:
    """Return the weights of a job's events, of mean 1 over its training split, or None where it has no weighting.

    Weightings that change with the epoch are left to `make_curriculum`.

    Raises:
        UserError: a weighting refuses the events of training or validation, or no training event has a weight.
    """
    parts = []
    for position, spec in enumerate(job.weighting):
        if spec.component.facts.epochs:
            continue
        try:
            blocks = Blocks(splits.train, partial(event_columns, source=source))
            part = spec.build(blocks) if spec.component.facts.fits else spec.build
        except UserError as error:
            raise error.under("weighting", position) from None
        parts.append((position, spec.name, part))
    if not parts:
        return None
    weighting = Weighting(parts, source)
    total = sum(float(weighting(events).sum(dtype=np.float64)) for events in splits.train)
    for events in splits.validation:  # an event that is refused is reported now, not at the end of the first epoch
        weighting(events)
    if not total:
        names = [name for _, name, _ in parts]
        raise UserError(Problem("no training event has a weight", ("weighting",), received=names))
    return replace(weighting, scale=splits.train.rows / total)


def make_curriculum(job: Job, columns: Sequence[str]) -> Callable[[Mapping[str, Any], Any], Any] | None:
    """Return the weights (N,) by (columns, epoch) that change while the training goes on, or None.

    Args:
        job: the job.
        columns: names of the input columns of its data.

    Raises:
        UserError: the data lack a column that a weighting needs.
    """
    calls = []
    for position, spec in enumerate(job.weighting):
        if not spec.component.facts.epochs:
            continue
        for name in spec.component.facts.needs:
            if name not in columns:
                what = f"{spec.name!r} needs the input column {name!r}"
                raise UserError(Problem(what, ("weighting", position), received=list(columns)))
        calls.append(partial(spec.component.call, **spec.arguments))
    return (lambda columns, epoch: reduce(mul, (call(columns, epoch) for call in calls))) if calls else None


def event_columns(events: Events, source: Source) -> dict[str, Any]:
    """Return input columns and extras by name, and targets as true_<target>, (N,) each."""
    inputs = {
        column.name: events.inputs[name][:, i]
        for name, tensor in source.inputs.items()
        if tensor.flat
        for i, column in enumerate(tensor.columns)
    }
    others = {name: values for name, values in events.columns.items() if name not in source.targets}
    return inputs | others | {f"true_{name}": events.columns[name] for name in source.targets}
