"""Columns with one number per event: joined, kept as integers and narrowed to float32 without a number that changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError

CACHED = 2**12
"""Rows that are written at a time where several columns become one array."""


def join_column(name: str, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return one column (N,) of all parts in order, every number as it was.

    NumPy joins signed and unsigned integers of 64 bits, and integers and floats, as float64, which rounds above 2^53.

    Raises:
        UserError: no type holds the values of all parts.
    """
    parts = [part for part in parts if len(part)] or parts[:1]
    joined: NDArray[Any] = np.concatenate(parts)
    integers = [part for part in parts if part.dtype.kind in "iu"]
    if joined.dtype.kind != "f" or not integers:
        return joined
    if len(integers) == len(parts):
        kind = np.int64 if min(part.min() for part in parts) < 0 else np.uint64
        if kind is np.uint64 or max(int(part.max()) for part in parts) < 2**63:
            return np.concatenate([part.astype(kind) for part in parts])
    if any((np.abs(part.astype(np.float64)) >= 2.0**53).any() for part in integers):
        types = sorted({str(part.dtype) for part in parts})
        what, expected = f"integers above 2^53 next to values of another type ({', '.join(types)})", "one type"
        raise UserError(Problem(what, ("dataset", "files", name), expected=expected))
    return joined


def is_single(values: NDArray[Any]) -> bool:
    """Whether float32 holds all values."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float32), values, equal_nan=True))


def exact_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers of events, runs or clusters as integers where they are whole, else as float64."""
    if values.dtype.kind in "iub":
        return values
    wide = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):
        whole = (np.abs(wide) < 2.0**63) & (wide == np.trunc(wide))
    return wide.astype(np.int64) if whole.all() else wide


def side_by_side(columns: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Return columns (N,) as one array (N, columns), some rows at a time, which stay in the processor's cache."""
    table = np.empty((len(columns[0]), len(columns)), np.float32)
    turned = np.empty((len(columns), CACHED), np.float32)
    for first in range(0, len(table), CACHED):
        part = table[first : first + CACHED]
        for place, column in enumerate(columns):
            turned[place, : len(part)] = column[first : first + CACHED]
        part[...] = turned[:, : len(part)].T
    return table


def single_column(name: str, values: NDArray[Any], place: Place) -> NDArray[np.float32]:
    """Return a column in float32; raises UserError naming it where a finite number would become infinite."""
    if values.dtype.kind != "f" or values.dtype.itemsize <= 4:  # integers of 64 bits are below 1e20
        return np.asarray(values, np.float32)
    with np.errstate(over="ignore"):
        single = np.asarray(values, np.float32)
    infinite = np.isinf(single)
    if infinite.any():
        lost = np.flatnonzero(infinite & np.isfinite(values))
        if len(lost):
            what = f"{len(lost)} of {len(values)} values of {name!r} do not fit float32, the first at row {lost[0]}"
            received = str(values[lost[0]])
            raise UserError(Problem(what, (*place, name), expected="numbers up to 3.4e38", received=received))
    return single
