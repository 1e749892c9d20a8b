"""Friends: further trees or files whose rows belong to those of a table by the values of key columns."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from app.core.errors import Place, Problem, UserError
from app.core.files import find_files
from app.core.types import Listed, Strict
from datasets.files.root import split_name
from datasets.pipeline.event_keys import Keys, hash_rows
from datasets.tables.files import TableFile
from datasets.tables.formats import open_table
from datasets.tables.reader import numbers

Places = NDArray[np.intp]


class Friend(Strict):
    """Another tree or file, of which each row of the table takes the one with the same key."""

    files: Annotated[Listed, Field(min_length=1)] | None = Field(
        None, description="files that hold it; else it is a tree or group of each of the dataset's own files"
    )
    tree: str | None = Field(None, description="its tree in ROOT files, its group in HDF5 files")
    key: Annotated[Listed, Field(min_length=1)] = Field(description="columns of both whose values are equal")
    prefix: str = Field("", description="before the names of its columns")

    @model_validator(mode="after")
    def _somewhere(self) -> Friend:
        if self.files is None and self.tree is None:
            raise UserError(Problem("a friend is another file or another tree", expected="'files' or 'tree'"))
        return self


@dataclass(frozen=True)
class FriendTable:
    """The files of a friend, whose keys are in memory: 16 bytes for each of its rows.

    Attributes:
        files: its files.
        friend: what the job says of it.
        block_size: rows that are read at a time.
    """

    files: Sequence[TableFile]
    friend: Friend
    block_size: int

    @property
    def blocks(self) -> Iterator[tuple[TableFile, int, int, int]]:
        """Its files in parts: the file, the first row in it, how many, and how many rows are before them in all."""
        before = 0
        for file in self.files:
            for first, end in pairwise(file.edges(self.block_size)):
                yield file, first, end - first, before
                before += end - first

    @cached_property
    def index(self) -> tuple[Keys, Places]:
        """Hashes of its keys, sorted, and the row of each; raises UserError where two rows have the same key."""
        parts = [hashes(file.read(self.friend.key, first, rows)) for file, first, rows, _ in self.blocks]
        key = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        order = np.argsort(key, kind="stable")
        key = key[order]
        same = np.flatnonzero(key[1:] == key[:-1])
        if len(same):
            name = said(self.columns(self.friend.key, order[same[:1]]), 0)
            what = f"{len(same):,} of its {len(key):,} rows have the key of another one, such as {name}"
            raise UserError(Problem(what, (self.files[0].place,), expected="each key once in a friend"))
        return key, order

    def rows_of(self, keys: dict[str, Any], place: Place) -> Places:
        """Return its row for each key; raises UserError naming one that it does not have."""
        known, rows = self.index
        wanted = hashes(keys)
        near = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
        missing = np.flatnonzero(known[near] != wanted) if len(known) else np.arange(len(wanted))
        if len(missing):
            others = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
            what = f"{len(missing):,} of {len(wanted):,} rows have no friend in {self.files[0].place}{others}"
            expected = "a row of the friend for every key"
            raise UserError(Problem(what, place, expected=expected, received=said(keys, int(missing[0]))))
        return rows[near]

    def columns(self, names: Sequence[str], rows: Places) -> dict[str, Any]:
        """Return columns and arrays at some of its rows, in that order; a part of a file is in memory at a time."""
        wanted, places = np.unique(rows, return_inverse=True)
        parts: dict[str, list[Any]] = {name: [] for name in names}
        for file, first, number, before in self.blocks:
            low, high = np.searchsorted(wanted, [before, before + number])
            if low == high:
                continue
            start, stop = int(wanted[low]) - before, int(wanted[high - 1]) - before + 1
            for name, array in file.arrays(list(names), first + start, stop - start).items():
                parts[name].append(array[wanted[low:high] - before - start])
        return {name: joined(arrays)[places] for name, arrays in parts.items()}

    @cached_property
    def identity(self) -> str:
        """The hash of what its files hold."""
        return " ".join(file.identity() for file in self.files)


@dataclass(frozen=True, kw_only=True)
class Joined(TableFile):
    """A file with the columns of its friends, those of their keys left out."""

    main: TableFile
    friends: Sequence[FriendTable]

    @cached_property
    def origin(self) -> dict[str, list[tuple[TableFile | FriendTable, str]]]:
        """By the name of each column: the tables that have one of that name, and what it is called there."""
        found: dict[str, list[tuple[TableFile | FriendTable, str]]] = {n: [(self.main, n)] for n in self.main.names}
        for friend in self.friends:
            for name in friend.files[0].names:
                if name not in friend.friend.key:
                    found.setdefault(friend.friend.prefix + name, []).append((friend, name))
        return found

    @property
    def names(self) -> Sequence[str]:
        """Names of its columns and those of its friends."""
        return [name for name, of in self.origin.items() for _ in of]

    @property
    def rows(self) -> int:
        """How many rows it has, with its friends as many."""
        return self.main.rows

    def edges(self, block_size: int) -> list[int]:
        """Return where blocks begin and end."""
        return self.main.edges(block_size)

    @property
    def place(self) -> str:
        """Its name in messages."""
        return self.main.place

    def find(self, name: str) -> tuple[str, int | None]:
        """Return the array, and the element of it, that a name means.

        Raises:
            UserError: nothing or several have it, or one of a friend's files does not.
        """
        if len(self.origin.get(name, ())) > 1 and list(self.main.names).count(name) < 2:
            expected = "a 'prefix' for the friend"
            raise UserError(Problem("has the name of a column of a friend", (self.place, name), expected=expected))
        array, element = super().find(name)
        for table, own in self.origin[array]:
            for file in table.files if isinstance(table, FriendTable) else ():
                file.find(own)
        return array, element

    def arrays(self, names: Sequence[str], first: int, rows: int) -> dict[str, Any]:
        """Return some rows of columns, those of friends by the keys of these rows."""
        found = self._of(self.main, names)
        arrays = self.main.arrays(list(found.values()), first, rows) if found else {}
        for friend in self.friends:
            wanted = self._of(friend, names)
            if wanted:
                keys = self.main.read(friend.friend.key, first, rows)
                there = friend.columns(list(wanted.values()), friend.rows_of(keys, (self.place,)))
                arrays |= {name: there[own] for name, own in wanted.items()}
        return arrays

    def _of(self, table: TableFile | FriendTable, names: Sequence[str]) -> dict[str, str]:
        """Return the names that a table has, and what they are called there."""
        return {name: own for name in names for of, own in self.origin[name] if of is table}

    def identity(self) -> str:
        """Return a hash of its content and that of its friends."""
        both = " ".join([self.main.identity(), *(friend.identity for friend in self.friends)])
        return hashlib.sha256(both.encode()).hexdigest()


def with_friends(tables: list[TableFile], friends: Sequence[Friend], block_size: int) -> list[TableFile]:
    """Return the files with the columns of their friends; raises UserError where a friend lacks a column of its key."""
    if not friends:
        return tables
    shared: dict[int, FriendTable] = {}
    for number, friend in enumerate(friends):
        if friend.files is not None:
            paths = find_files(friend.files, ("dataset", "friends", number, "files"))
            shared[number] = opened(number, paths, friend, block_size)
    joined = list[TableFile]()
    for file in tables:
        own = split_name(file.path)[0]
        found = [shared.get(n) or opened(n, [own], friend, block_size) for n, friend in enumerate(friends)]
        for number, other in enumerate(found):
            with as_friend(number, "key"):
                for table in (file, *other.files):
                    for name in other.friend.key:
                        table.find(name)
        joined.append(Joined(file.path, file.group, main=file, friends=found))
    return joined


def opened(number: int, paths: Sequence[Path], friend: Friend, block_size: int) -> FriendTable:
    """Open the files of a friend; raises UserError where one of them does not hold it."""
    with as_friend(number, "tree"):
        return FriendTable([open_table(path, friend.tree) for path in paths], friend, block_size)


@contextlib.contextmanager
def as_friend(number: int, key: str) -> Iterator[None]:
    """Say of mistakes at which place of the job their friend is, and in which file."""
    try:
        yield
    except UserError as error:
        place = ("dataset", "friends", number, key)
        what = [f"{p.what} for the friend in {'.'.join(map(str, p.where))}" for p in error.problems]
        raise UserError(*(replace(p, what=w, where=place) for p, w in zip(error.problems, what, strict=True))) from None


def hashes(columns: dict[str, Any]) -> Keys:
    """Return a hash of each row of key columns."""
    return hash_rows([numbers(values) for values in columns.values()])


def joined(arrays: Sequence[Any]) -> Any:
    """Return the rows of NumPy or Awkward arrays one after the other."""
    if len(arrays) == 1:
        return arrays[0]
    if all(isinstance(array, np.ndarray) for array in arrays):
        return np.concatenate(arrays)
    import awkward as ak

    return ak.concatenate(arrays)


def said(columns: dict[str, Any], row: int) -> str:
    """Return a row of key columns in words, e.g. "run 1, event 7"."""
    return ", ".join(f"{name} {values[row]}" for name, values in columns.items())
