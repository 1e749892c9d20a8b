"""Which muons and hits become samples: choices, cuts, checks, and counts of what they leave out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.files.root import TreeBlock
from datasets.pipeline.arrays import Jagged

Muons = Literal["each", "leading", "single"]
Keep = Literal["keep", "drop"]
NOISE = -1
Columns = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """Which muons become samples, and which hits they keep.

    Attributes:
        muons: each muon of an event, its leading one, or only muons that are alone in their event.
        others: keep or drop the hits of other muons.
        noise: keep or drop hits that no muon made.
    """

    muons: Muons
    others: Keep
    noise: Keep

    def kept(self, whose: NDArray[np.intp], is_own: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return which hits are kept, given the muon of each and whether it is the sample's muon; None for all."""
        is_noise = whose == NOISE
        wanted = np.ones(len(whose), bool)
        if self.noise == "drop":
            wanted &= ~is_noise
        if self.others == "drop":
            wanted &= is_own | is_noise
        return None if wanted.all() else wanted


def choose_muons(truth: Columns, rows: int, choice: Choice, counter: Selection) -> tuple[NDArray[np.intp], Columns]:
    """Return the event of each sample, (K,), and its muon's columns with `muon`, its number, and `muons`, of how many.

    Columns that have one number per event are those of its only muon, or of the event.
    """
    lists = {name: column for name, column in truth.items() if isinstance(column, Jagged)}
    scalars = {name: column for name, column in truth.items() if name not in lists}
    first = next(iter(lists.values()), None)
    muons = Jagged.of(np.zeros(rows), np.ones(rows, np.int64)) if first is None else first
    counts, event = muons.counts, muons.events
    if choice.muons == "single":
        wanted = np.flatnonzero(counts[event] == 1)
    elif choice.muons == "leading":
        pt = lists["pt"].values if "pt" in lists else np.hypot(lists["px"].values, lists["py"].values)
        order = np.lexsort((-np.nan_to_num(pt, nan=-1.0), event))
        wanted = order[muons.offsets[:-1][counts > 0]]
    else:
        wanted = np.arange(len(muons.values))
    counter.add("events without a muon", int((counts == 0).sum()))
    if choice.muons == "single":
        counter.add("events with several muons", int((counts > 1).sum()))
    chosen = {name: column.values[wanted] for name, column in lists.items()}
    event = event[wanted]
    chosen |= {name: column[event] for name, column in scalars.items()}
    return event, {**chosen, "muon": muons.places[wanted], "muons": counts[event]}


def muon_of_hits(link: Jagged, truth: Columns) -> NDArray[np.intp]:
    """Return the number of the muon that made each hit, `NOISE` where no muon of the event did, (M,).

    `link` holds the number itself, or the muon's own `link` where the truth has that.
    """
    own = truth.get("link")
    muons = next((column for column in truth.values() if isinstance(column, Jagged)), None)
    counts = np.ones(len(link), np.int64) if muons is None else muons.counts
    event, whose = link.events, np.full(len(link.values), NOISE, np.intp)
    for muon in range(int(counts.max(initial=0))):
        label: NDArray[Any] = np.full(len(link), muon)
        there = counts > muon
        if isinstance(own, Jagged):
            label = np.zeros(len(link), own.dtype)
            label[there] = own.values[own.offsets[:-1][there] + muon]
        elif own is not None:
            label = np.asarray(own)
        whose[(link.values == label[event]) & there[event]] = muon
    return whose


logger = logging.getLogger(__name__)

OnInvalid = Literal["stop", "drop"]


@dataclass(frozen=True)
class Selection:
    """Cuts, and how many muons or hits each of them has left out.

    Attributes:
        min_pt: least transverse momentum [GeV].
        max_abs_eta: largest |eta|.
        min_hits: least number of hits.
        max_hits: hits of an event beyond it are left out.
        on_invalid: stop at impossible values, or drop them.
        blocks: number of blocks that are read before the counts are logged.
        counts: numbers of what was left out.
    """

    min_pt: float
    max_abs_eta: float
    min_hits: int
    max_hits: int
    on_invalid: OnInvalid
    blocks: int
    counts: Counter[str] = field(default_factory=Counter)

    def without_counts(self) -> Selection:
        """Return the same cuts with counts of their own, for blocks that were counted before."""
        return replace(self, counts=Counter())

    def add(self, what: str, number: int) -> None:
        """Count something that is left out."""
        self.counts[what] += number

    def log_counts(self, blocks: int) -> None:
        """Log the counts once all blocks were read."""
        if blocks == self.blocks:
            for what, number in self.counts.items():
                if number:
                    logger.info("muon_hits: left out %s %s", f"{number:,}", what)

    def muons(self, own: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Return which muons are inside the cuts on pt and eta."""
        soft, forward = own["pt"] < self.min_pt, np.abs(own["eta"]) > self.max_abs_eta
        self.add(f"muons with pt below {self.min_pt:g} GeV", int(soft.sum()))
        self.add(f"muons with |eta| above {self.max_abs_eta:g}", int((forward & ~soft).sum()))
        return np.asarray(~(soft | forward))

    def hits(self, index: Jagged, is_own: NDArray[np.bool_]) -> tuple[Jagged, NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the hits up to the largest number, and which samples have the least number of them."""
        counts = index.counts
        few = counts < self.min_hits
        self.add(f"muons with fewer than {self.min_hits} hits", int(few.sum()))
        if counts.max(initial=0) > self.max_hits:
            inside = index.places < self.max_hits
            self.add(f"hits beyond {self.max_hits} in an event", int((~inside).sum()))
            self.add("events truncated", int((counts > self.max_hits).sum()))
            index, is_own = index.where(inside), is_own[inside]
        return index, is_own, ~few


def check_truth(own: Mapping[str, NDArray[Any]], selection: Selection, part: TreeBlock[Any]) -> NDArray[np.bool_]:
    """Return which muons are kept: finite, with pt above 0, charge +1 or -1, and inside the cuts.

    Raises:
        UserError: an impossible value, and `on_invalid` is "stop".
    """
    pt = own["pt"]
    good = np.ones(len(pt), bool)
    plain = [np.isfinite(values) for name, values in own.items() if name not in ("eta", "pz", "p", "q_over_pt")]
    wrong = {  # where pt is 0, eta is not finite, and the second message says why
        "not finite": (~np.all(plain, axis=0) | (~np.isfinite(own["eta"]) & (pt > 0)), "finite truth"),
        "of pt 0 or below": (pt <= 0, "pt > 0 GeV"),
    }
    if "charge" in own:
        wrong["of another charge than 1 or -1"] = (np.abs(own["charge"]) != 1, "charge +1 or -1")
    for what, (bad, expected) in wrong.items():
        bad &= good
        if bad.any() and selection.on_invalid == "stop":
            row = int(np.flatnonzero(bad)[0])
            came = {name: float(values[row]) for name, values in own.items() if name in ("pt", "eta", "phi", "charge")}
            text = f"{bad.sum()} of {len(pt)} muons are {what}, the first is number {row}"
            hint = f"{expected}, or 'on_invalid': 'drop' in the dataset"
            raise UserError(Problem(text, part.place, expected=hint, received=came))
        selection.add(f"muons {what}", int(bad.sum()))
        good &= ~bad
    kept = good.copy()
    kept[good] = selection.muons({name: values[good] for name, values in own.items()})
    return kept


def check_hits(
    features: NDArray[np.float32], index: Jagged, names: Sequence[str], selection: Selection, part: TreeBlock[Any]
) -> NDArray[np.bool_]:
    """Return which samples have finite hits only.

    Raises:
        UserError: a feature is not finite, and `on_invalid` is "stop".
    """
    good = np.ones(len(index), bool)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite, or only large, is looked at closely
        if np.isfinite(features.sum()):
            return good
    bad = ~np.isfinite(features)
    if not bad.any():
        return good
    hit, feature = np.argwhere(bad)[0]
    good[index.events[bad.any(axis=1)]] = False
    if selection.on_invalid == "stop":
        count = f"{bad.any(axis=1).sum()} hits in {(~good).sum()} of {len(good)} samples"
        what = f"{names[feature]!r} of {count} is not finite"
        hint = "finite values, or 'on_invalid': 'drop' in the dataset"
        raise UserError(Problem(what, part.place, expected=hint, received=float(features[hit, feature])))
    selection.add("muons with hits that are not finite", int((~good).sum()))
    return good
