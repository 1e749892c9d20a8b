"""From branches of hits and muons to events: one for each muon, with its hits, its truth and its key."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.files.root import TreeBlock
from datasets.muons.bends import segment_row
from datasets.muons.columns import complete_truth, feature_table
from datasets.muons.files import EVENT, LINK, Columns, Tree
from datasets.muons.selection import Choice, Selection, check_hits, check_truth, choose_muons, muon_of_hits
from datasets.muons.tracks import track_columns
from datasets.pipeline.arrays import Jagged
from datasets.pipeline.columns import single_column
from datasets.pipeline.event_keys import Duplicates, hash_pixels, hash_rows
from datasets.pipeline.events import Events


@dataclass
class Reader:
    """Turns a block into Events; the checks run when it is read for the first time.

    Args:
        features: features of a hit.
        choice: which muons and which of their hits are taken.
        selection: cuts, and the counts of what they leave out.
        assigned: give for each hit whether the muon made it.
        by_content: use hashes of truth and number of hits as keys, even where events are numbered.
        duplicates: checks the keys of all blocks.
        tracks: give the columns of a track fit without a network.
        segments: give the row of numbers of `segment_row` in place of the hits.
        truth: whether the muons are known; else an event is a sample.
    """

    features: Sequence[str]
    choice: Choice
    selection: Selection
    assigned: bool
    by_content: bool
    duplicates: Duplicates
    tracks: bool = False
    segments: bool = False
    truth: bool = True
    checked: set[int] = field(default_factory=set)

    def __call__(self, number: int, block: TreeBlock[Tree]) -> Events:
        """Read block number `number`."""
        hits, truth = block.tree.read(block.first, block.rows)
        first_time = number not in self.checked
        counter = self.selection if first_time else self.selection.without_counts()
        events = self.select_events(hits, truth, block, counter)
        if first_time:
            self.duplicates.check(events.key, block.place)
            self.checked.add(number)
            self.selection.log_counts(len(self.checked))
        return events

    def select_events(
        self, hits: dict[str, Jagged], truth: Columns, block: TreeBlock[Tree], counter: Selection
    ) -> Events:
        """Return the samples among the hits and muons of a block, and count what is left out."""
        event, muons = choose_muons(truth, block.rows, self.choice, counter)
        own: Columns = {}
        if self.truth:
            known = {n: values for n, values in muons.items() if n not in (*EVENT, "link", "muon", "muons")}
            own = complete_truth(known)
            good = check_truth(own, counter, block)
            event, own = event[good], {name: values[good] for name, values in own.items()}
            muons = {name: values[good] for name, values in muons.items()}
        every = next(iter(hits.values()))
        index, is_own = self.choose_hits(hits.get(LINK), truth, every, event, muons, block)
        columns = {name: column.values for name, column in hits.items() if name != LINK}
        index, is_own, kept = counter.hits(index, is_own)
        features = np.take(feature_table(self.features, columns), index.values, axis=0)
        kept &= check_hits(features, index, self.features, counter, block)
        extras = {"muon": muons["muon"], "muons": muons["muons"]} if self.truth else {}
        extras["n_hits"] = index.counts
        extras |= {name: muons[name] for name in EVENT if name in muons}
        if self.tracks:
            extras |= track_columns(self.features, features, index.events, len(index))
        if self.by_content or "event" not in muons:
            key = hash_rows([*own.values(), every.counts[event]]) if self.truth else hash_hits(features, index)
        else:
            key = hash_rows([*(muons[name] for name in ("run", "event") if name in muons), muons["muon"]])
        inputs: dict[str, Any] = {"hits": Jagged(features, index.offsets)}
        inputs["mask"] = Jagged(np.ones(len(features), np.float32), index.offsets)
        if self.assigned:
            inputs["assigned"] = Jagged(is_own.astype(np.float32), index.offsets)
        if self.segments:
            inputs = {"segments": segment_row(self.features, features, index.events, len(index))}
        targets = {name: single_column(name, values, block.place) for name, values in own.items()}
        events = Events(inputs, {**targets, **extras}, key, block.first + event)
        return events if kept.all() else events[np.flatnonzero(kept)]

    def choose_hits(
        self,
        link: Jagged | None,
        truth: Columns,
        every: Jagged,
        event: NDArray[np.intp],
        muons: Columns,
        block: TreeBlock[Tree],
    ) -> tuple[Jagged, NDArray[np.bool_]]:
        """Return the numbers of the hits of each sample, and whether the sample's muon made each of them."""
        index = Jagged(np.arange(len(every.values)), every.offsets)
        if not np.array_equal(event, np.arange(len(every))):
            index = index[event]
        if link is None:
            several = muons["muons"] > 1
            if several.any() and self.choice.muons != "single" and self.choice.others == "drop":
                what = f"no {LINK!r} tells the hits of several muons apart, which {several.sum()} samples have"
                expected = "'hit_branches' with it, 'muons': 'single', or 'other_muons': 'keep' in the dataset"
                raise UserError(Problem(what, block.place, expected=expected))
            return index, np.ones(len(index.values), bool)
        whose = muon_of_hits(link, truth)[index.values]
        is_own = whose == np.repeat(muons["muon"], index.counts)
        kept = self.choice.kept(whose, is_own)
        return (index, is_own) if kept is None else (index.where(kept), is_own[kept])


def hash_hits(features: NDArray[np.float32], index: Jagged) -> NDArray[np.uint64]:
    """Return a key for the hits of each sample, (N,), from their features (M, F)."""
    width = features.shape[1]
    place = (index.places[:, None] * width + np.arange(width)).astype(np.uint64)
    return hash_pixels(np.repeat(index.events, width), place.ravel(), features.ravel(), len(index))
