"""The bootstrap of a split: every event drawn as often as its key says, the same in whatever file it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.batches import Part
from datasets.pipeline.event_hash import mix
from datasets.pipeline.events import Events

MOST = 20
"""No event is drawn more often: the probability of 20 is 2e-19."""


def multiplicity(key: NDArray[np.uint64], seed: int) -> NDArray[np.intp]:
    """Return how often each event is drawn: numbers of Poisson's distribution with mean 1, from the key alone.

    Drawing N of N events with replacement gives numbers that are Poisson's for large N. Made from the key, all rows of
    an event are drawn together, and a split that is streamed block by block needs no count of its events beforehand.

    References:
        N. Chamandy et al., Estimating uncertainty for massive data streams, Google technical report (2012).
    """
    terms = 1.0 / np.cumprod([1.0, *range(1, MOST)])
    uniform = mix(mix(key, 2**31 + seed), 5) / 2.0**64
    return np.searchsorted(np.exp(-1.0) * np.cumsum(terms), uniform, side="right")


def bootstrapped(part: Part, seed: int) -> Part:
    """Return the part with its events drawn with replacement; the draw is a function of the seed and their keys."""
    drawn = [partial(_drawn, read, seed) for read in part.blocks]
    return replace(part, blocks=drawn, counts=[int(multiplicity(read().key, seed).sum()) for read in part.blocks])


def _drawn(read: Callable[[], Events], seed: int) -> Events:
    events = read()
    return events[np.repeat(np.arange(len(events)), multiplicity(events.key, seed))]
