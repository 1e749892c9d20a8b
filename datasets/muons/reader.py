"""From branches of hits and muons to events: one for each muon, with its hits, its truth and its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.files.root import TreeBlock
from datasets.muons.bends import bends
from datasets.muons.columns import completed, table
from datasets.muons.files import EVENT, LINK, Columns, Tree
from datasets.muons.selection import Choice, Selection, check_hits, check_truth, chosen_muons, muon_of_hits
from datasets.muons.tracks import track_columns
from datasets.pipeline.arrays import Jagged
from datasets.pipeline.event_keys import Duplicates, hash_rows
from datasets.pipeline.events import Events


@dataclass
class Reader:
    """Turns a part into Events; the checks run when it is read for the first time.

    Args:
        features: of a hit.
        choice: which muons and which of their hits are taken.
        selection: cuts, and the counts of what they leave out.
        assigned: give for each hit whether it is of the muon.
        by_content: keys are hashes of truth and number of hits, whatever the file says of events.
        duplicates: sees the keys of all parts.
        tracks: give what the hits say without a network.
        segments: give the row of numbers of `bends` in place of the hits.
    """

    features: Sequence[str]
    choice: Choice
    selection: Selection
    assigned: bool
    by_content: bool
    duplicates: Duplicates
    tracks: bool = False
    segments: bool = False
    checked: set[int] = field(default_factory=set)

    def __call__(self, number: int, part: TreeBlock[Tree]) -> Events:
        """Read part number `number`."""
        hits, truth = part.tree.read(part.first, part.rows)
        first_time = number not in self.checked
        counter = self.selection if first_time else self.selection.uncounted()
        events = self._events(hits, truth, part, counter)
        if first_time:
            self.duplicates.check(events.key, part.place)
            self.checked.add(number)
            self.selection.tell(len(self.checked))
        return events

    def _events(self, hits: dict[str, Jagged], truth: Columns, part: TreeBlock[Tree], counter: Selection) -> Events:
        event, muons = chosen_muons(truth, part.rows, self.choice, counter)
        own = completed(
            {name: values for name, values in muons.items() if name not in (*EVENT, "link", "muon", "muons")}
        )
        good = check_truth(own, counter, part)
        event, own = event[good], {name: values[good] for name, values in own.items()}
        muons = {name: values[good] for name, values in muons.items()}
        every = next(iter(hits.values()))
        index, is_own = self._chosen_hits(hits.get(LINK), truth, every, event, muons, part)
        columns = {name: column.values for name, column in hits.items() if name != LINK}
        index, is_own, kept = counter.hits(index, is_own)
        features = np.take(table(self.features, columns), index.values, axis=0)
        kept &= check_hits(features, index, self.features, counter, part)
        extras = {"muon": muons["muon"], "muons": muons["muons"], "n_hits": index.counts, **_numbers_of(muons)}
        if self.tracks:
            extras |= track_columns(self.features, features, index.events, len(index))
        key = self._key(muons, own, every.counts[event])
        inputs: dict[str, Any] = {"hits": Jagged(features, index.offsets)}
        inputs["mask"] = Jagged(np.ones(len(features), np.float32), index.offsets)
        if self.assigned:
            inputs["assigned"] = Jagged(is_own.astype(np.float32), index.offsets)
        if self.segments:
            inputs = {"segments": bends(self.features, features, index.events, len(index))}
        found = Events(inputs, {**{n: v.astype(np.float32) for n, v in own.items()}, **extras}, key)
        return found if kept.all() else found[np.flatnonzero(kept)]

    def _chosen_hits(
        self,
        link: Jagged | None,
        truth: Columns,
        every: Jagged,
        event: NDArray[np.intp],
        muons: Columns,
        part: TreeBlock[Tree],
    ) -> tuple[Jagged, NDArray[np.bool_]]:
        """Return the numbers of the hits of each sample, and whether each of them is of the sample's muon."""
        index = Jagged(np.arange(len(every.values)), every.offsets)
        if not np.array_equal(event, np.arange(len(every))):
            index = index[event]
        if link is None:
            self._require_link(muons, part)
            return index, np.ones(len(index.values), bool)
        whose = muon_of_hits(link, truth)[index.values]
        is_own = whose == np.repeat(muons["muon"], index.counts)
        kept = self.choice.kept(whose, is_own)
        return (index, is_own) if kept is None else (index.where(kept), is_own[kept])

    def _require_link(self, muons: Columns, part: TreeBlock[Tree]) -> None:
        several = muons["muons"] > 1
        if several.any() and self.choice.muons != "single" and self.choice.others == "drop":
            what = f"no {LINK!r} tells the hits of several muons apart, which {several.sum()} samples have"
            expected = "'hit_branches' with it, 'muons': 'single', or 'other_muons': 'keep' in the dataset"
            raise UserError(Problem(what, part.place, expected=expected))

    def _key(self, muons: Columns, own: Columns, hits: NDArray[Any]) -> NDArray[np.uint64]:
        numbers = [muons[name] for name in ("run", "event") if name in muons]
        if self.by_content or "event" not in muons:
            return hash_rows([*own.values(), hits])
        return hash_rows([*numbers, muons["muon"]])


def _numbers_of(muons: Columns) -> Columns:
    return {name: muons[name] for name in EVENT if name in muons}
