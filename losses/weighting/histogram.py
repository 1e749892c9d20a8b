"""Weights that make a distribution flat."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.core.errors import Problem, UserError, unknown
from app.core.types import Count, Listed, OneOrMore, Positive
from losses.weighting import WEIGHTINGS

Bins = Annotated[tuple[Count, ...], OneOrMore(), Field(min_length=1)]
MOST_BINS = 1_000_000
MOST_ROUNDS = 100
"""Of cutting off and sharing out; each brings the rest to a fraction."""


@dataclass(frozen=True)
class Histogram:
    """Weights by the bin that an event lies in; beyond the range of the training split by the nearest bin.

    Attributes:
        targets: what the axes are.
        edges: of the bins, one array for each axis.
        counts: training events, one axis for each target.
        weights: of the bins, in the shape of the counts.
    """

    targets: tuple[str, ...]
    edges: tuple[NDArray[np.float64], ...]
    counts: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __call__(self, columns: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the weights of events, (N,)."""
        places = [_bin(values, edges) for values, edges in zip(_axes(columns, self.targets), self.edges, strict=True)]
        return np.asarray(self.weights[tuple(places)])

    def dump(self) -> dict[str, Any]:
        """Return what was found, for the run's own record."""
        edges = [axis.tolist() for axis in self.edges]
        found = {"targets": list(self.targets), "edges": edges, "counts": self.counts.tolist()}
        return {"name": "histogram", **found, "weights": self.weights.tolist()}


@WEIGHTINGS("histogram", fits=True)
def histogram(
    blocks: Iterable[Mapping[str, Any]],
    *,
    targets: Annotated[Listed, Field(min_length=1)],
    bins: Bins,
    epsilon: Positive = 1.0,
    cap: Annotated[float, Field(gt=1)] | None = 10.0,
) -> Histogram:
    """w = 1 / (n + epsilon), n being the training events in the bin of the event: rare regions count as common ones.

    The bins are equal, over the range of the training split. A flat weighted distribution costs accuracy where the
    events are; it pays where the sparse region is what the detector is for.

    Args:
        blocks: columns of the training events by name, (N,) each, again and again.
        targets: the axes, targets or other columns; two make a histogram in two dimensions, u, v, w one in three.
        bins: how many on each axis, one number for each.
        epsilon: events that every bin has in addition.
        cap: the largest weight, in units of the mean; null for none. A handful of events must not rule the gradient.

    Returns:
        The weights of events by their columns.

    Raises:
        UserError: another number of bins than of axes, an unknown column, values that are not finite.
    """
    if len(bins) != len(targets):
        expected = f"{len(targets)} of them, one for each of {', '.join(targets)}"
        raise UserError(Problem("the bins do not fit the axes", ("bins",), expected=expected, received=list(bins)))
    if np.prod(bins, dtype=float) > MOST_BINS:
        raise UserError(
            Problem("too many bins", ("bins",), expected=f"at most {MOST_BINS:,} in all", received=list(bins))
        )
    edges = _edges(blocks, targets, bins)
    counts = np.zeros(bins)
    for columns in blocks:
        counts += np.histogramdd(_axes(columns, targets), edges)[0]
    return Histogram(tuple(targets), edges, counts, _capped(1.0 / (counts + epsilon), counts, cap))


def _capped(weights: NDArray[np.float64], counts: NDArray[np.float64], cap: float | None) -> NDArray[np.float64]:
    """Return weights of mean 1 over the events, none above `cap`: what is cut off goes to all the others."""
    weights = weights / np.average(weights, weights=counts)
    if cap is None:
        return weights
    for _ in range(MOST_ROUNDS):
        if weights[counts > 0].max() <= cap * (1 + 1e-9):
            break
        weights = np.minimum(weights, cap)
        weights = weights / np.average(weights, weights=counts)
    return np.minimum(weights, cap)


def _edges(blocks: Iterable[Mapping[str, Any]], targets: Listed, bins: Bins) -> tuple[NDArray[np.float64], ...]:
    ends = [[(axis.min(), axis.max()) for axis in _axes(columns, targets)] for columns in blocks]
    lows, highs = np.min([[low for low, _ in one] for one in ends], 0), np.max([[h for _, h in one] for one in ends], 0)
    # A quantity that never changes has one bin of some width: everything in it weighs the same.
    highs = np.where(highs > lows, highs, lows + np.maximum(np.abs(lows), 1.0) * 1e-6)
    return tuple(np.linspace(low, high, n + 1) for low, high, n in zip(lows, highs, bins, strict=True))


def _axes(columns: Mapping[str, Any], targets: Listed) -> list[NDArray[np.float64]]:
    known = {name.removeprefix("true_"): values for name, values in columns.items()}
    for position, target in enumerate(targets):
        if target not in known:
            raise UserError(unknown("target or column", target, sorted(known), ("targets", position)))
        if not np.isfinite(known[target]).all():
            raise UserError(Problem(f"{target!r} is not finite", ("targets", position), expected="finite values"))
    return [np.asarray(known[target], np.float64) for target in targets]


def _bin(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
