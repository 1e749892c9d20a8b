"""Images of which only the pixels that are not zero are held, and how arrays of every kind are joined and cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.jagged import Jagged

AT_ONCE = 2**26
"""So many bytes of inputs are dense at a time, on their way to a network (64 MB)."""


@dataclass(frozen=True)
class Sparse:
    """N images of one size: event i has pixels offsets[i] to offsets[i + 1] - 1.

    It has what events ask of an array: a length, a shape, and rows by a slice or by numbers. `np.asarray` gives the
    dense images, as float32; for many of them that is far more than memory holds.

    Attributes:
        index: of the pixels in a flattened image, (M,).
        value: of the pixels, (M,) float32; pixels that are named twice are added.
        offsets: (N + 1,).
        size: shape of one image.
    """

    index: NDArray[np.int32]
    value: NDArray[np.float32]
    offsets: NDArray[np.int64]
    size: tuple[int, ...]

    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """As if it were dense."""
        return (len(self), *self.size)

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.index.nbytes + self.value.nbytes + self.offsets.nbytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: slice | NDArray[Any]) -> Sparse:
        numbers = np.arange(len(self))[rows]
        first, count = self.offsets[numbers], np.diff(self.offsets)[numbers]
        offsets = np.concatenate([[0], np.cumsum(count)])
        pixels = np.repeat(first - offsets[:-1], count) + np.arange(offsets[-1])
        return Sparse(self.index[pixels], self.value[pixels], offsets, self.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("dense images of sparse ones are always new arrays")
        dense = np.zeros((len(self), int(np.prod(self.size))), np.float32)
        event = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        np.add.at(dense, (event, self.index), self.value)
        dense = dense.reshape(self.shape)
        return dense if dtype is None else dense.astype(dtype)

    @staticmethod
    def joined(parts: Sequence[Sparse]) -> Sparse:
        """Return the images of all parts in order."""
        counts = np.concatenate([np.diff(part.offsets) for part in parts])
        offsets = np.concatenate([[0], np.cumsum(counts)])
        index, value = (np.concatenate([getattr(part, name) for part in parts]) for name in ("index", "value"))
        return Sparse(index, value, offsets, parts[0].size)


def joined(parts: Sequence[Any]) -> Any:
    """Return arrays, sparse images, or jagged arrays, one after the other."""
    first = parts[0]
    return type(first).joined(parts) if isinstance(first, Sparse | Jagged) else np.concatenate(parts)


def dense(array: Any) -> Any:
    """Return an array as it is, sparse images as one, and a jagged array padded."""
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
    """Yield an array as it is, sparse images, the first `most` of them, as dense ones of bounded size.

    Of a jagged array the rows of all events come one after the other, without padding.
    """
    if isinstance(array, Jagged):
        yield array.values
        return
    if isinstance(array, Sparse):
        some = array[:most]
        yield from (np.asarray(some[cut]) for cut in cuts(len(some), rows_at_once([some])))
    else:
        yield array
