"""Muon hits in ROOT trees: which branch is which column of a hit, of a muon, of the event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.files import root
from datasets.files.root import OpenTree, unpacking_threads
from datasets.muons.columns import CARTESIAN, DERIVED, OF_CHARGE, OF_VERTEX, POLAR, needed_columns
from datasets.pipeline.arrays import Jagged

HIT_PREFIX, TRUTH_PREFIX = "spacePoint_", "truthMuon_"
LINK = "truthLink"
TRUTH = {**{name: name for name in (*POLAR, *CARTESIAN, *OF_VERTEX)}, "charge": "q", "link": "link"}
"""Columns of a muon, and the names of their branches after the prefix unless the job says otherwise."""
EVENT = {"event": "eventNumber", "run": "runNumber"}
NEAREST = 5
"""At most so many branches are suggested for one that is missing."""
Columns = dict[str, Any]


@dataclass(frozen=True)
class Naming:
    """The names that a job gives to the branches of a file."""

    hit_prefix: str
    truth_prefix: str
    hit_branches: Mapping[str, str]
    truth_branches: Mapping[str, str]

    def hit(self, column: str) -> str:
        """Return the branch of a column of hits."""
        return self.hit_branches.get(column, self.hit_prefix + column)

    def truth(self, column: str) -> str:
        """Return the branch of a column of muons or of the event."""
        usual = EVENT[column] if column in EVENT else self.truth_prefix + TRUTH[column]
        return self.truth_branches.get(column, usual)

    def describe_absence(self, target: str) -> str:
        """Say which branch a target is made from that the files lack."""
        return f"no branch {self.truth('charge' if target in OF_CHARGE else target)!r}; see truth_branches"


@dataclass(frozen=True)
class Tree(OpenTree):
    """One file's tree and the branches of the columns that it has."""

    hits: Mapping[str, str]
    truth: Mapping[str, str]

    @property
    def columns(self) -> frozenset[str]:
        """Our names of the columns that it has."""
        return frozenset([*self.hits, *self.truth])

    def edges(self, size: int) -> list[int]:
        """Return where blocks of about `size` events begin and end, at ends of baskets where that is possible."""
        try:
            ends = list(self.tree.common_entry_offsets(filter_name=[*self.hits.values()]))
        except Exception:  # an RNTuple has no baskets; damaged ones are named when they are read
            ends = []
        edges = [0]
        for end in [*ends, self.rows]:
            while end - edges[-1] >= 2 * size:
                edges.append(edges[-1] + size)
            if end - edges[-1] >= size or (end == self.rows and end > edges[-1]):
                edges.append(int(end))
        return edges

    def read(self, first: int, rows: int) -> tuple[Columns, Columns]:
        """Return columns of hits, and of muons and events (Jagged, or (N,)), as they stand in the file."""
        branches = [*self.hits.values(), *self.truth.values()]
        arrays = root.read_rows(self.tree, branches, first, rows, self.path, unpacking_threads(), "ak")
        place = (str(self.path),)
        hits = {name: numbers_of(arrays[b], b, place) for name, b in self.hits.items()}
        truth = {name: numbers_of(arrays[b], b, place) for name, b in self.truth.items()}
        for name, column in hits.items():
            if not isinstance(column, Jagged):
                what = f"the branch {self.hits[name]!r} has one number per event"
                raise UserError(Problem(what, place, expected="a list of numbers per event, one for each hit"))
        for columns, names in ((hits, self.hits), (truth, self.truth)):
            lists = {names[name]: column for name, column in columns.items() if isinstance(column, Jagged)}
            one = next(iter(lists), "")
            for branch, column in lists.items():
                bad = np.flatnonzero(column.counts != lists[one].counts)
                if len(bad):
                    what = f"branches of different lengths in {len(bad)} events, the first is event {first + bad[0]}"
                    received = {name: int(lists[name].counts[bad[0]]) for name in (one, branch)}
                    raise UserError(Problem(what, place, expected="one value for each hit or muon", received=received))
        return hits, truth


def open_muon_tree(
    path: Path, name: str, features: Sequence[str], naming: Naming, link: bool, with_truth: bool = True
) -> Tree:
    """Open a tree and find the branches of its columns.

    Args:
        path: the file, or `file.root:tree`.
        name: the tree where the path does not say it.
        features: features of a hit.
        naming: names of the branches.
        link: whether it must be known which muon made which hit.
        with_truth: whether muons and which hits are theirs are read; else only what is known of the event.

    Raises:
        UserError: no such tree, no branch for a feature, for the momentum, or for a column that the job names.
    """
    tree = root.open_tree(path, name)
    known = [str(key) for key in tree.keys()]  # noqa: SIM118  (a tree is no dict)
    hits = {column: naming.hit(column) for column in needed_columns(features, lambda f: naming.hit(f) in known)}
    if with_truth and (link or naming.hit(LINK) in known or LINK in naming.hit_branches):
        hits[LINK] = naming.hit(LINK)
    for column, branch in hits.items():
        if branch not in known:
            raise UserError(no_branch(column, branch, known, path, column in features))
    asked = (*TRUTH, *EVENT) if with_truth else EVENT
    truth = {column: naming.truth(column) for column in asked if naming.truth(column) in known}
    for column in naming.truth_branches.keys() & set(asked):
        truth[column] = naming.truth(column)
        if truth[column] not in known:
            raise UserError(no_branch(column, truth[column], known, path))
    if with_truth and not (set(POLAR) <= set(truth) or set(CARTESIAN) <= set(truth)):
        wanted = CARTESIAN if set(CARTESIAN) & set(truth) else POLAR
        column = next(c for c in wanted if c not in truth)
        raise UserError(no_branch(column, naming.truth(column), known, path))
    return Tree(path, tree, hits, truth)


def renamed_branches(naming: Naming) -> dict[str, str]:
    """Return what a job says about the names of branches, where it is not the usual; it does not depend on features."""
    usual = Naming(naming.hit_prefix, naming.truth_prefix, {}, {})
    names = {"hit_prefix": naming.hit_prefix} if naming.hit_prefix != HIT_PREFIX else {}
    names |= {"truth_prefix": naming.truth_prefix} if naming.truth_prefix != TRUTH_PREFIX else {}
    names |= {f"hit {column}": branch for column, branch in naming.hit_branches.items() if branch != usual.hit(column)}
    return names | {c: branch for c, branch in naming.truth_branches.items() if branch != usual.truth(c)}


def no_branch(column: str, branch: str, known: Sequence[str], path: Path, feature: bool = False) -> Problem:
    """Return the error that a branch is missing; it names the nearest branches, not all: such files have hundreds."""
    near = get_close_matches(branch, known, NEAREST, cutoff=0.5) or sorted(known)[:NEAREST]
    what = f"no branch {branch!r} for the {'feature' if feature else 'column'} {column!r}"
    others = f", or a feature derived from the low edge ({', '.join(DERIVED)})" if feature else ""
    return Problem(what, (str(path),), expected=f"one of its {len(known)} branches, as [{', '.join(near)}]{others}")


def numbers_of(array: Any, branch: str, place: tuple[str]) -> Jagged | NDArray[Any]:
    """Return a branch as a jagged array, or as one number per event."""
    import awkward
    from awkward.contents import ListOffsetArray, NumpyArray

    layout = array.layout
    if isinstance(layout, ListOffsetArray) and isinstance(layout.content, NumpyArray) and not layout.parameters:
        offsets, values = np.asarray(layout.offsets.data, np.int64), np.asarray(layout.content.data)
        if values.ndim == 1 and values.dtype.kind in "iufb":  # the usual case, without Awkward's checks for any other
            return Jagged(values[offsets[0] : offsets[-1]], offsets - offsets[0])
    counts = None
    try:
        if array.ndim == 1:
            flat = np.asarray(awkward.to_numpy(array))
        else:
            flat = np.asarray(awkward.to_numpy(awkward.flatten(array, axis=1)))
            counts = np.asarray(awkward.to_numpy(awkward.num(array, axis=1)))
    except Exception:
        flat = np.empty(0, object)
    if flat.ndim != 1 or flat.dtype.kind not in "iufb":
        what = f"the branch {branch!r} is no list of numbers"
        raise UserError(Problem(what, place, expected="numbers, a list of them per event", received=str(array.type)))
    return flat if counts is None else Jagged.of(flat, counts)
