"""What a file holds by name, without its values: loaders recognise the files that they read by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import UserError
from datasets.files import npz, root

EVENTS = 20
"""Events whose numbers of values are compared."""


@dataclass(frozen=True)
class Contents:
    """The arrays of an npz file, or the trees of a ROOT file; of other files nothing.

    Attributes:
        path: the file, or `file.root:tree`.
        arrays: shape by name.
        trees: type of each branch by name, by tree.
    """

    path: Path
    arrays: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    trees: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def counts(self, tree: str) -> dict[str, NDArray[np.int64]]:
        """Return how many values the first events have of each branch that holds a list of numbers, by name."""
        import awkward

        opened, found = root.open_tree(self.path, tree), {}
        for name, kind in self.trees[tree].items():
            if is_list(kind):
                try:
                    array: Any = opened[name].array(entry_stop=EVENTS)
                    found[name] = np.asarray(awkward.num(array, axis=1), np.int64)
                except Exception:
                    continue
        return found


def is_list(kind: str) -> bool:
    """Whether a branch of this type has several values per event."""
    return kind.endswith("]") or "vector<" in kind.lower() or "rvec<" in kind.lower()


def read_contents(path: Path) -> Contents:
    """Return what a file holds; raises UserError when it is damaged."""
    if path.suffix.lower() == ".npz":
        arrays = {}
        for name in npz.array_names(path):
            try:
                arrays[name] = npz.read_header(path, name).shape
            except UserError:  # pickled objects
                continue
        return Contents(path, arrays)
    if not root.is_root(path):
        return Contents(path)
    chosen = root.split_name(path)[1]
    trees = {}
    for name in [chosen] if chosen else root.tree_names(root.open_file(path)):
        tree = root.open_tree(path, name)
        trees[name] = {str(branch): str(kind) for branch, kind in tree.typenames().items()}
    return Contents(path, {}, trees)


@dataclass(frozen=True)
class Recognized:
    """What a loader says of a file that it knows.

    Attributes:
        why: it knows it, in words.
        dataset: its keys for this file.
        job: the model, the tasks and what else a first job for it needs; {} where the file has nothing to learn from.
    """

    why: str
    dataset: Mapping[str, Any]
    job: Mapping[str, Any]


Recognize = Callable[[Contents], Recognized | None]
"""Returns None for a file that the loader does not know."""
