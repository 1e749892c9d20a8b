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
"""Weights are cut off and shared at most this many times; each time reduces the excess to a fraction."""


@dataclass(frozen=True)
class Histogram:
    """Weights of events by their bin, or by the nearest bin beyond the range of the training split.

    Attributes:
        targets: names of the axes.
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
        axes = zip(_axes(columns, self.targets), self.edges, strict=True)
        places = [
            np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2) for values, edges in axes
        ]
        return np.asarray(self.weights[tuple(places)])

    def dump(self) -> dict[str, Any]:
        """Return the histogram and its weights, for the record of the run."""
        edges = [axis.tolist() for axis in self.edges]
        counts, weights = self.counts.tolist(), self.weights.tolist()
        return {
            "name": "histogram",
            "targets": list(self.targets),
            "edges": edges,
            "counts": counts,
            "weights": weights,
        }


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

    The bins are equal, over the range of the training split. A flat weighted distribution costs accuracy where
    most events are; it is worth it where the sparse region is the important one.

    Args:
        blocks: columns of the training events by name, (N,) each; the blocks are read several times.
        targets: the axes, targets or other columns; two make a histogram in two dimensions, u, v, w one in three.
        bins: how many on each axis, one number for each.
        epsilon: events that every bin has in addition.
        cap: the largest weight, in units of the mean, so that a few events do not dominate the gradient; null for none.

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
    ends = [[(axis.min(), axis.max()) for axis in _axes(columns, targets)] for columns in blocks]
    lows, highs = np.min(ends, axis=0)[:, 0], np.max(ends, axis=0)[:, 1]
    # A quantity that never changes has one bin of some width, in which all events have the same weight.
    highs = np.where(highs > lows, highs, lows + np.maximum(np.abs(lows), 1.0) * 1e-6)
    edges = tuple(np.linspace(low, high, n + 1) for low, high, n in zip(lows, highs, bins, strict=True))
    counts = np.zeros(bins)
    for columns in blocks:
        counts += np.histogramdd(_axes(columns, targets), edges)[0]
    return Histogram(tuple(targets), edges, counts, cap_weights(1.0 / (counts + epsilon), counts, cap))


def cap_weights(weights: NDArray[np.float64], counts: NDArray[np.float64], cap: float | None) -> NDArray[np.float64]:
    """Return weights of mean 1 over the events, none above `cap`: what is cut off is shared among the others.

    Args:
        weights: of the bins.
        counts: events in the bins, in the shape of the weights.
        cap: the largest weight, None for no limit.
    """
    weights = weights / np.average(weights, weights=counts)
    if cap is None:
        return weights
    for _ in range(MOST_ROUNDS):
        if weights[counts > 0].max() <= cap * (1 + 1e-9):
            break
        weights = np.minimum(weights, cap)
        weights = weights / np.average(weights, weights=counts)
    return np.minimum(weights, cap)


def _axes(columns: Mapping[str, Any], targets: Listed) -> list[NDArray[np.float64]]:
    known = {name.removeprefix("true_"): values for name, values in columns.items()}
    for position, target in enumerate(targets):
        if target not in known:
            raise UserError(unknown("target or column", target, sorted(known), ("targets", position)))
        if not np.isfinite(known[target]).all():
            raise UserError(Problem(f"{target!r} is not finite", ("targets", position), expected="finite values"))
    return [np.asarray(known[target], np.float64) for target in targets]
