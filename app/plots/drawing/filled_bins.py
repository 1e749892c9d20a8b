"""Bins that hold enough events to be drawn, and what to do where a sample is too small for them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.statistics.bins import bins_of, edges_for


class SmallSampleError(Exception):
    """A plot that would show nothing; its text is the reason."""


def equal_bins(values: NDArray[Any], most: int, fewest: int) -> list[NDArray[np.bool_]]:
    """Return which events (N,) are in each of at most `most` bins of `values` with equally many, `fewest` or more.

    Raises:
        SmallSampleError: there are fewer events than one bin needs.
    """
    edges = edges_for(values, None, max(1, min(most, len(values) // fewest)))
    found = [inside for *_, inside in bins_of(values, edges) if inside.sum() >= fewest]
    if not found:
        raise SmallSampleError(_reason(len(values), fewest))
    return found


def edges_with(values: NDArray[Any], edges: Sequence[float], fewest: int) -> tuple[float, ...]:
    """Return `edges` where a bin between them holds `fewest` values, else those of bins with equally many.

    Raises:
        SmallSampleError: there are fewer values than one bin needs.
    """
    if any(inside.sum() >= fewest for *_, inside in bins_of(values, edges)):
        return tuple(edges)
    known = values[np.isfinite(values)]
    if len(known) < fewest or known.min() == known.max():
        raise SmallSampleError(_reason(len(known), fewest))
    return edges_for(known, None, len(known) // fewest)


def _reason(number: int, fewest: int) -> str:
    return f"a bin needs {fewest} events, and there {'is' if number == 1 else 'are'} {number} in all"
