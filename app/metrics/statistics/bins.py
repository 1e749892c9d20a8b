"""Figures bin by bin: one mean over all momenta or energies speaks of where the errors are largest only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from app.predictions import Predictions


def _rising(edges: tuple[float, ...]) -> tuple[float, ...]:
    if len(edges) < 2 or any(low >= high for low, high in pairwise(edges)):
        raise ValueError("bin edges must rise, and there must be two at least")
    return edges


Edges = Annotated[tuple[float, ...], AfterValidator(_rising)]
Inside = NDArray[np.bool_]

ENERGIES = (0.015, 0.02, 0.03, 0.04, 0.05, 0.06)
"""Bin edges of photon energies [GeV]."""
QUANTILES = 6
"""Number of bins where nobody says which."""


def edges_for(values: NDArray[Any] | None, edges: Sequence[float] | None, bins: int = QUANTILES) -> tuple[float, ...]:
    """Return `edges`, or without them those of bins that hold equally many of the finite `values`; () without any."""
    if edges is not None:
        return tuple(edges)
    known = np.empty(0) if values is None else np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    single = np.unique(known)
    if len(single) > bins:
        found = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)))
    else:  # a few energies are not cut apart where one of them has most events
        found = np.concatenate([single[:1], (single[1:] + single[:-1]) / 2, single[-1:]])
    return tuple(float(edge) for edge in found)


def bins_of(values: NDArray[Any], edges: Sequence[float]) -> Iterator[tuple[float, float, Inside]]:
    """Yield low, high and which of `values` lie in low <= value < high; the last bin holds its upper edge too."""
    for low, high in pairwise(edges):
        yield float(low), float(high), (values >= low) & ((values < high) | ((values == high) & (high == edges[-1])))


def by_bin(
    predictions: Predictions,
    values: NDArray[Any] | None,
    edges: Sequence[float],
    summary: Callable[[Predictions], Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return {"low", "high"} and the summary of each bin of `values` that holds events; none without `values`."""
    found = []
    for low, high, inside in bins_of(values, edges) if values is not None else ():
        if inside.any():
            found.append({"low": low, "high": high, **summary(predictions.select(inside))})
    return found


def energy_of(predictions: Predictions) -> NDArray[Any] | None:
    """Return the true energies (N,) [GeV], whether they are learned or only known; None where they are neither."""
    return predictions.columns.get("energy", predictions.true.get("energy"))
