"""ROOT trees in parts: blocks of rows of many files that have the same columns, each read by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar

from app.core.errors import Problem, UserError


@dataclass(frozen=True)
class OpenTree(ABC):
    """One file's tree."""

    path: Path
    tree: Any

    @property
    @abstractmethod
    def columns(self) -> frozenset[str]:
        """Our names of the columns that it has."""

    @property
    def rows(self) -> int:
        """The number of events."""
        return int(self.tree.num_entries)

    def edges(self, size: int) -> list[int]:
        """Return where blocks of `size` events begin and end."""
        return [*range(0, self.rows, size), self.rows]


Tree = TypeVar("Tree", bound=OpenTree)


@dataclass(frozen=True)
class Part(Generic[Tree]):
    """Some rows of one tree."""

    tree: Tree
    first: int
    rows: int

    @property
    def place(self) -> tuple[str]:
        """Where a mistake lies: the file, and where in it when the part does not begin it."""
        return (f"{self.tree.path}[{self.first}:]" if self.first else str(self.tree.path),)


def parts_of(trees: Sequence[Tree], block_size: int) -> list[Part[Tree]]:
    """Return the blocks of all trees; raises UserError when they have different columns, or no events."""
    for other in trees[1:]:
        _require_same_columns(trees[0], other)
    parts = [Part(t, first, last - first) for t in trees for first, last in pairwise(t.edges(block_size))]
    if not parts:
        received = [str(tree.path) for tree in trees[:3]]
        raise UserError(Problem("no events in these files", ("dataset", "files"), received=received))
    return parts


def _require_same_columns(first: OpenTree, other: OpenTree) -> None:
    if first.columns != other.columns:
        name = min(first.columns ^ other.columns)
        have, lack = (first, other) if name in first.columns else (other, first)
        what = f"has no branch for the column {name!r}, which {have.path} has"
        raise UserError(Problem(what, (str(lack.path),), expected="files with the same columns"))


@cache
def unpacking() -> ThreadPoolExecutor:
    """Two threads unpack baskets: reading alone would wait for that half of the time."""
    return ThreadPoolExecutor(2)
