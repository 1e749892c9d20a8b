"""From rows of a table to events: selected, converted, checked, with what is missing masked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError
from datasets.files.root import place_of
from datasets.pipeline.columns import side_by_side, single_column
from datasets.pipeline.event_keys import KEPT, Duplicates, Keys, hash_rows, hash_text
from datasets.pipeline.events import Column, Events
from datasets.tables.columns import Wanted, columns_of_files, compute_all
from datasets.tables.expressions import evaluate, names_in
from datasets.tables.files import TableFile

logger = logging.getLogger(__name__)
ROWS_FOR_RESOLUTION = 10_000
Missing = Literal["stop", "drop", "mask"]
ROW = "\0row"
"""Next to the columns of a block: which row each is; no file has a column of this name."""
Array = NDArray[Any]


@dataclass
class Reader:
    """Turns rows of a file into Events; the checks run when a block is read for the first time."""

    inputs: Sequence[Wanted]
    targets: Sequence[Wanted]
    extras: Sequence[Wanted]
    select: str | None
    key: Sequence[str] | None
    missing: Missing
    duplicates: Duplicates
    checked: set[int] = field(default_factory=set)
    complete: set[int] = field(default_factory=set)
    """Blocks that lack no value: later passes need not look for one again."""
    keys: dict[int, Keys] = field(default_factory=dict)
    """Keys of the first `KEPT` events, so that later passes need not hash them again."""

    @property
    def features(self) -> tuple[Column, ...]:
        """Columns of the input tensor: the inputs and, with a mask, which of them are missing."""
        masks = [Column(f"{w.name}_missing", "", f"1: {w.name} is missing") for w in self.inputs]
        return (*(w.column for w in self.inputs), *(masks if self.missing == "mask" else ()))

    def __call__(self, number: int, file: TableFile, first: int, rows: int) -> Events:
        """Read `rows` rows of a file from `first` on, as block number `number`."""
        place = place_of(file.path, first)
        columns = self.compute(file, first, rows, place)
        left = len(columns[ROW])
        if number not in self.checked and left < rows:
            logger.info("%s: %s of %s rows are selected", place[0], f"{left:,}", f"{rows:,}")
        if number not in self.complete:
            columns = self.take_complete(columns, place, number not in self.checked)
        key = self.keys.get(number)
        if key is None:
            key = hash_rows([numbers(columns[name]) for name in self.key or self.identifying])
        if number not in self.checked:
            self.duplicates.check(key, place)
        features = [single_column(w.name, columns[w.name], place) for w in self.inputs]
        if number not in self.checked:
            for w in (*self.inputs, *self.targets):
                check_resolution(w, columns[w.name], place)
            self.remember(number, key, left == len(key))
        if self.missing == "mask":
            there = [np.isfinite(values) for values in features]
            features = [np.where(t, v, np.float32(0)) for t, v in zip(there, features, strict=True)]
            features += [(~t).astype(np.float32) for t in there]
        kept = {w.name: columns[w.name] for w in (*self.targets, *self.extras)}
        return Events({"features": side_by_side(features)}, kept, key, first + columns[ROW])

    def remember(self, number: int, key: Keys, complete: bool) -> None:
        """Keep what is known of a block after it was checked."""
        self.checked.add(number)
        if complete:
            self.complete.add(number)
        if sum(map(len, self.keys.values())) + len(key) <= KEPT:
            self.keys[number] = key

    @property
    def identifying(self) -> list[str]:
        """The columns that identify an event where the job names none."""
        return list(dict.fromkeys(w.name for w in (*self.inputs, *self.targets)))

    def compute(self, file: TableFile, first: int, rows: int, place: tuple[str]) -> dict[str, Array]:
        """Return inputs, targets, extras and the columns of the key, by name, of the rows that are selected."""
        quantities = (*self.inputs, *self.targets, *self.extras)
        asked = columns_of_files(quantities, further_columns(self.select, self.key))
        read = file.read(list(asked), first, rows)
        columns = {**read, **compute_all(quantities, read, place), ROW: np.arange(min(rows, file.rows - first))}
        if not self.select:
            return columns
        taken = evaluate(self.select, columns, ("dataset", "select"))
        if taken.dtype != bool:
            expected = "a comparison, as 'pt > 5'"
            raise UserError(Problem("not a selection", ("dataset", "select"), expected=expected, received=self.select))
        return {name: values[taken] for name, values in columns.items()}

    def take_complete(self, columns: Mapping[str, Array], place: tuple[str], first_time: bool) -> dict[str, Array]:
        """Return the rows that lack no value, with "mask" no target; raises UserError at others with "stop"."""
        asked = (*self.targets, *(() if self.missing == "mask" else self.inputs))
        lacking = {w.name: ~there for w in asked if not (there := np.isfinite(columns[w.name])).all()}
        if not lacking:
            return dict(columns)
        bad = np.any(list(lacking.values()), axis=0)
        if self.missing == "stop":
            name, values = next(iter(lacking.items()))
            what = (
                f"{values.sum():,} of {len(values):,} rows lack a value, the first is row {np.flatnonzero(values)[0]}"
            )
            expected = "finite numbers, or 'missing': 'drop' or 'mask' in the dataset"
            raise UserError(Problem(what, (*place, name), expected=expected))
        if first_time:
            logger.warning("%s: %d of %d rows lack a value and were dropped", place[0], bad.sum(), len(bad))
        return {name: values[~bad] for name, values in columns.items()}


def further_columns(select: str | None, key: Sequence[str] | None) -> dict[str, Place]:
    """Return the names that a selection and a key hold, and where they stand."""
    place: Place = ("dataset", "select")
    chosen = dict.fromkeys(names_in(select, place) if select else (), place)
    return chosen | dict.fromkeys(key or (), ("dataset", "key"))


def check_resolution(wanted: Wanted, values: Array, place: tuple[str]) -> None:
    """Refuse a column whose values float32, which networks see, cannot tell apart, as times in s since 1970."""
    if loses_resolution(values):
        offset = float(f"{np.nanmedian(values[:ROWS_FOR_RESOLUTION].astype(np.float64)):.3g}")
        what = f"float32 cannot tell most values of {wanted.name!r} apart: its offset is large beside its spread"
        expected = (
            f"the offset subtracted: {{'expression': '{(wanted.quantity.column or wanted.name)} - {offset:.0f}'}}"
        )
        raise UserError(Problem(what, (*place, wanted.name), expected=expected, received=str(values[0])))


def loses_resolution(values: Array) -> bool:
    """Whether more than half of the different values of a column become equal in float32."""
    if values.dtype.kind == "f" and values.dtype.itemsize <= 4:
        return False
    first = values[:ROWS_FOR_RESOLUTION]
    first = first[np.isfinite(first)]
    with np.errstate(over="ignore"):
        return 2 * len(np.unique(first.astype(np.float32))) < len(np.unique(first))


def numbers(values: Array) -> Array:
    """Return a column of a key as numbers: a text by its hash."""
    if values.dtype.kind not in "US":
        return values
    different, where = np.unique(values, return_inverse=True)
    return np.array([hash_text(str(text)) for text in different], np.uint64)[where]
