"""Which muons of an event become samples, and which of its hits go with each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.jagged import Jagged

if TYPE_CHECKING:
    from datasets.muons.checks import Selection

Muons = Literal["each", "leading", "single"]
Keep = Literal["keep", "drop"]
NOISE = -1
Columns = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """Muons and hits that are taken.

    Attributes:
        muons: each muon of an event, its leading one, or only those that are alone in it.
        others: keep or drop the hits of the other muons.
        noise: keep or drop the hits of no muon.
    """

    muons: Muons
    others: Keep
    noise: Keep

    def kept(self, whose: NDArray[np.intp], is_own: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return which hits are kept, given the muon of each and whether it is the sample's; None: all of them."""
        is_noise = whose == NOISE
        wanted = np.ones(len(whose), bool)
        if self.noise == "drop":
            wanted &= ~is_noise
        if self.others == "drop":
            wanted &= is_own | is_noise
        return None if wanted.all() else wanted


def chosen_muons(truth: Columns, rows: int, choice: Choice, counter: Selection) -> tuple[NDArray[np.intp], Columns]:
    """Return the event of each sample, (K,), and its muon's columns with `muon`, its number, and `muons`, of how many.

    Columns that have one number per event are those of its only muon, or of the event.
    """
    lists = {name: column for name, column in truth.items() if isinstance(column, Jagged)}
    scalars = {name: column for name, column in truth.items() if name not in lists}
    first = next(iter(lists.values()), None)
    muons = Jagged.of(np.zeros(rows), np.ones(rows, np.int64)) if first is None else first
    counts, event = muons.counts, muons.events
    wanted = _wanted(muons, lists, choice)
    counter.add("events without a muon", int((counts == 0).sum()))
    if choice.muons == "single":
        counter.add("events with several muons", int((counts > 1).sum()))
    found = {name: column.values[wanted] for name, column in lists.items()}
    event = event[wanted]
    found |= {name: column[event] for name, column in scalars.items()}
    return event, {**found, "muon": muons.places[wanted], "muons": counts[event]}


def _wanted(muons: Jagged, lists: Columns, choice: Choice) -> NDArray[np.intp]:
    """Return the numbers of the muons that become samples."""
    if choice.muons == "single":
        return np.flatnonzero(muons.counts[muons.events] == 1)
    if choice.muons == "leading":
        pt = lists["pt"].values if "pt" in lists else np.hypot(lists["px"].values, lists["py"].values)
        order = np.lexsort((-np.nan_to_num(pt, nan=-1.0), muons.events))
        return order[muons.offsets[:-1][muons.counts > 0]]
    return np.arange(len(muons.values))


def muon_of_hits(link: Jagged, truth: Columns) -> NDArray[np.intp]:
    """Return the number of the muon that each hit is of, `NOISE` where it is none of the event's, (M,).

    `link` holds the number itself, or the muon's own `link` where the truth has that.
    """
    own = truth.get("link")
    muons = next((column for column in truth.values() if isinstance(column, Jagged)), None)
    counts = np.ones(len(link), np.int64) if muons is None else muons.counts
    event, found = link.events, np.full(len(link.values), NOISE, np.intp)
    for muon in range(int(counts.max(initial=0))):
        label = np.full(len(link), muon, np.float64)
        there = counts > muon
        if isinstance(own, Jagged):
            label[there] = own.values[own.offsets[:-1][there] + muon]
        elif own is not None:
            label = np.asarray(own, np.float64)
        found[(link.values == label[event]) & there[event]] = muon
    return found
