"""Per-event weights of a job, from its weightings and the events of its training split."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import mul
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from datasets.pipeline.events import Events, Source
from datasets.pipeline.selection import event_columns
from datasets.pipeline.split import Splits

logger = logging.getLogger(__name__)
LEAST_SUM = 1e-6
"""Weights whose sum is a smaller share of the sum of their sizes cancel."""


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
        signed: the weightings that may give negative weights.
    """

    parts: Sequence[tuple[int, str, Callable[[Mapping[str, Any]], Any]]]
    source: Source
    scale: float = 1.0
    signed: Collection[str] = ()

    def __call__(self, events: Events) -> Any:
        """Return the weights of events, (N,) float32."""
        return (self.scale * self.product(events)).astype(np.float32)

    def product(self, events: Events) -> Any:
        """Return the product of the weightings for each event, (N,) float64."""
        columns = event_columns(events, self.source)
        product: Any = 1.0
        for position, name, part in self.parts:
            try:
                weights = np.asarray(part(columns), np.float64)
            except UserError as error:
                raise error.under("weighting", position) from None
            signed = name in self.signed
            bad = weights[~(np.isfinite(weights) & (signed | (weights >= 0)))]
            if len(bad):
                what = f"{name!r} gives weights that are {'not finite' if signed else 'negative or not finite'}"
                expected = "finite weights" if signed else "weights from 0 up"
                problem = Problem(what, ("weighting", position), expected=expected, received=float(bad[0]))
                raise UserError(problem)
            product = product * weights
        return product

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
            raise error.within("weighting", position) from None
        parts.append((position, spec.name, part))
    if not parts:
        return None
    signed = [spec.name for spec in job.weighting if spec.component.facts.signed]
    weighting = Weighting(parts, source, signed=signed)
    total = check_sum(splits.train, weighting, "training")  # an event that is refused is reported now
    check_sum(splits.validation, weighting, "validation")
    return replace(weighting, scale=splits.train.rows / total)


def check_sum(events: Iterable[Events], weighting: Weighting, split: str) -> float:
    """Return the sum of the weights of a split, which the loss divides by; say what negative ones do to it.

    Raises:
        UserError: a weighting refuses an event; the sum is not positive, so that the loss has no minimum.
    """
    # Of the others the sum is that of the weights as float32, as earlier versions took it.
    read = weighting.product if weighting.signed else weighting
    blocks = (np.asarray(read(each), np.float64) for each in events)
    parts = [(w.sum(), abs(w).sum(), (w**2).sum(), (w < 0).sum(), len(w)) for w in blocks]
    total, sizes, squares, negative, rows = np.asarray([*parts, (0.0,) * 5], np.float64).sum(axis=0)
    names = [name for _, name, _ in weighting.parts]
    if split == "training" and not sizes:
        raise UserError(Problem("no training event has a weight", ("weighting",), received=names))
    if negative and total < LEAST_SUM * sizes:
        what = f"the weights of the {rows:,.0f} {split} events cancel, and the loss divides by their sum"
        raise UserError(Problem(what, ("weighting",), expected="a sum above 0", received=float(f"{total:.4g}")))
    if negative and split == "training":
        logger.warning(
            "weights: %s of %s training events have negative ones; the loss is the weighted sum over the sum of the "
            "weights, as precise as with %s equal events",
            *(f"{number:,.0f}" for number in (negative, rows, total**2 / squares)),
        )
    return float(total)


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
