"""Jagged arrays and sparse images: held as they are, made dense when a network sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

MULTIPLE = 32
"""Padded lengths are multiples of this: XLA compiles anew for every length that it meets."""
AT_ONCE = 2**26
"""At most so many bytes of inputs are dense at a time, on their way to a network (64 MB)."""


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
        """Return events that have `counts` (N,) rows each of `values`."""
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
        """The shape of the padded array."""
        longest = int(self.counts.max(initial=1))
        return (len(self), -(-longest // MULTIPLE) * MULTIPLE, *self.values.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.values.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that the values and offsets take in memory."""
        return self.values.nbytes + self.offsets.nbytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: slice | NDArray[Any]) -> Jagged:
        if isinstance(rows, slice) and rows.step in (None, 1):
            first, last, _ = rows.indices(len(self))
            offsets = self.offsets[first : max(first, last) + 1]
            return Jagged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])
        numbers = np.arange(len(self))[rows]
        chosen = Jagged.of(np.empty(0), self.counts[numbers])
        rows = np.repeat(self.offsets[numbers] - chosen.offsets[:-1], chosen.counts) + np.arange(chosen.offsets[-1])
        return Jagged(np.take(self.values, rows, axis=0), chosen.offsets)

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


@dataclass(frozen=True)
class Sparse:
    """N images of one size of which only the pixels that are not zero are held.

    It has what events ask of an array: a length, a shape, and rows by a slice or by numbers. `np.asarray` gives the
    dense images, as float32; for many of them that is far more than memory holds.

    Attributes:
        matrix: scipy's csr_array, a row for each flattened image; pixels that are named twice are added.
        size: shape of one image.
    """

    matrix: Any
    size: tuple[int, ...]

    dtype = np.dtype(np.float32)

    @staticmethod
    def of(
        index: NDArray[np.int32], value: NDArray[np.float32], offsets: NDArray[Any], size: tuple[int, ...]
    ) -> Sparse:
        """Return images of which image i has the pixels offsets[i] to offsets[i + 1] - 1 of all M.

        Args:
            index: places of the pixels in a flattened image, (M,).
            value: values of the pixels, (M,).
            offsets: (N + 1,), from 0 to M.
            size: shape of one image.
        """
        from scipy.sparse import csr_array

        return Sparse(csr_array((value, index, offsets), (len(offsets) - 1, math.prod(size))), size)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the dense images."""
        return (len(self), *self.size)

    @property
    def nbytes(self) -> int:
        """Bytes that the pixels take in memory."""
        return int(self.matrix.data.nbytes + self.matrix.indices.nbytes + self.matrix.indptr.nbytes)

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __getitem__(self, rows: slice | NDArray[Any]) -> Sparse:
        return Sparse(self.matrix[rows], self.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("dense images of sparse ones are always new arrays")
        dense: NDArray[Any] = self.matrix.toarray().reshape(self.shape)
        return dense if dtype is None else dense.astype(dtype, copy=False)

    @staticmethod
    def joined(parts: Sequence[Sparse]) -> Sparse:
        """Return the images of all parts in order."""
        from scipy.sparse import vstack

        return Sparse(vstack([part.matrix for part in parts], format="csr"), parts[0].size)


def concatenate(parts: Sequence[Any]) -> Any:
    """Return the rows of all parts in order: arrays, sparse images or jagged arrays."""
    first = parts[0]
    return type(first).joined(parts) if isinstance(first, Sparse | Jagged) else np.concatenate(parts)


def dense(array: Any) -> Any:
    """Return an array as it is, sparse images as a dense array, a jagged array padded."""
    return np.asarray(array) if isinstance(array, Sparse | Jagged) else array


def rows_at_once(arrays: Sequence[Any]) -> int:
    """Return how many rows of all these arrays fill `AT_ONCE` bytes when dense, one at least."""
    row = sum(int(np.prod(array.shape[1:])) * array.dtype.itemsize for array in arrays)
    return int(max(1, AT_ONCE // max(row, 1)))


def cuts(length: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of at most `size` rows."""
    edges = [*range(0, length, size), length]
    return (slice(first, last) for first, last in pairwise(edges))


def dense_parts(array: Any, most: int | None = None) -> Iterator[Any]:
    """Yield dense arrays of bounded size: an array as it is, or the first `most` of sparse images part by part.

    A jagged array gives the rows of all events one after the other, without padding.
    """
    if isinstance(array, Jagged):
        yield array.values
        return
    if isinstance(array, Sparse):
        some = array[:most]
        yield from (np.asarray(some[cut]) for cut in cuts(len(some), rows_at_once([some])))
    else:
        yield array
