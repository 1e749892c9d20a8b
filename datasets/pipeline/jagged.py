"""Arrays whose events have different numbers of rows: held as they are, padded when a network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MULTIPLE = 32
"""Padded lengths are multiples of this: XLA compiles anew for every length that it meets."""


@dataclass(frozen=True)
class Jagged:
    """N events: event i has the rows offsets[i] to offsets[i + 1] - 1 of `values`.

    It has what events ask of an array: a length, a shape, and rows by a slice or by numbers. `np.asarray` pads with
    zeros to the longest of these events, rounded up to a multiple of `MULTIPLE`.

    Attributes:
        values: rows of all events, (M, ...).
        offsets: (N + 1,), from 0 to M.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @staticmethod
    def of(values: NDArray[Any], counts: NDArray[Any]) -> Jagged:
        """Return events with so many rows each."""
        return Jagged(values, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each event, (N,)."""
        return np.diff(self.offsets)

    @property
    def events(self) -> NDArray[np.intp]:
        """The event that each row belongs to, (M,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def places(self) -> NDArray[np.int64]:
        """Which row of its event each row is, from 0, (M,)."""
        return np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.counts)

    @property
    def shape(self) -> tuple[int, ...]:
        """As if it were padded."""
        longest = int(self.counts.max(initial=1))
        return (len(self), -(-longest // MULTIPLE) * MULTIPLE, *self.values.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.values.dtype

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.values.nbytes + self.offsets.nbytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: slice | NDArray[Any]) -> Jagged:
        if isinstance(rows, slice) and rows.step in (None, 1):
            first, last, _ = rows.indices(len(self))
            offsets = self.offsets[first : max(first, last) + 1]
            return Jagged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])
        numbers = np.arange(len(self))[rows]
        found = Jagged.of(np.empty(0), self.counts[numbers])
        chosen = np.repeat(self.offsets[numbers] - found.offsets[:-1], found.counts) + np.arange(found.offsets[-1])
        return Jagged(np.take(self.values, chosen, axis=0), found.offsets)

    def where(self, kept: NDArray[np.bool_]) -> Jagged:
        """Return the same events with some of their rows, `kept` (M,)."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return Jagged(self.values[kept], before[self.offsets])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a padded array is always a new one")
        shape = self.shape
        padded = np.zeros(shape, self.dtype if dtype is None else dtype)
        first = np.arange(len(self)) * shape[1] - self.offsets[:-1]
        place = np.repeat(first, self.counts) + np.arange(len(self.values))
        padded.reshape(-1, *shape[2:])[place] = self.values
        return padded

    @staticmethod
    def joined(parts: Sequence[Jagged]) -> Jagged:
        """Return the events of all parts in order."""
        return Jagged.of(np.concatenate([p.values for p in parts]), np.concatenate([p.counts for p in parts]))
