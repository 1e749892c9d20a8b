"""CSV files whose first column is a key of 64 bits: numbers as float64, whole ones as integers, and texts."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = dict[str, NDArray[Any]]


def read_keyed_csv(path: Path, free: Callable[[Sequence[str]], Sequence[str]]) -> tuple[NDArray[np.uint64], Table]:
    """Return the keys (N,), which do not fit into a float, and the other columns (N,) by name.

    Args:
        path: of the file.
        free: returns which of the columns, the first ones, may be integers or texts; the others are float64.

    Raises:
        ValueError: the file is cut off, or no such table.
    """
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        first, *names = next(csv.reader(file), [""])
        if first != "key" or not names:
            raise ValueError("the first line does not begin with 'key,'")
        lines = file.readlines()
    if not lines:
        return np.empty(0, np.uint64), {name: np.empty(0) for name in names}
    if not lines[-1].endswith("\n"):
        raise ValueError("the last line is cut off")
    texts: Table = {}
    try:
        table = np.loadtxt(lines, delimiter=",", ndmin=2)
    except ValueError:
        texts = _texts(lines, free(names))
        if not texts:
            raise
    load = partial(np.loadtxt, lines, delimiter=",", **({"quotechar": '"', "comments": None} if texts else {}))
    key = np.asarray(load(usecols=0, dtype=np.uint64, ndmin=1), np.uint64)
    if texts:
        table = load(usecols=[i for i, name in enumerate(["key", *names]) if name not in texts], ndmin=2)
    for row in csv.reader(lines if texts else lines[:1]):  # between numbers, a row of another length is found above
        if len(row) != 1 + len(names):
            raise ValueError(f"{len(names) + 1} columns are named, the rows have {len(row)}")
    numbers = iter(table.T[1:])
    columns = {name: texts[name] if name in texts else next(numbers) for name in names}
    for position, name in enumerate(free(names), 1):
        columns[name] = columns[name] if name in texts else _as_integers(columns[name], lines, position)
    return key, columns


def _texts(lines: Sequence[str], names: Sequence[str]) -> Table:
    """Return those of the first columns after the key that are not all numbers."""
    load = partial(np.loadtxt, lines, delimiter=",", quotechar='"', comments=None, ndmin=1)
    found = {}
    for position, name in enumerate(names, 1):
        try:
            load(usecols=position)
        except ValueError:
            found[name] = load(usecols=position, dtype=str)
    return found


def _as_integers(values: NDArray[Any], lines: Sequence[str], position: int) -> NDArray[Any]:
    """Return a column as integers where all its numbers are, read from the text where float64 has rounded them."""
    if not (np.isfinite(values).all() and (values == np.trunc(values)).all()) or np.signbit(values[values == 0]).any():
        return values
    if (np.abs(values) < 2.0**53).all():
        return values.astype(np.int64)
    for kind in (np.int64, np.uint64):
        try:
            return np.array([int(row[position]) for row in csv.reader(lines)], kind)
        except ValueError:  # 1e+20: a float
            return values
        except OverflowError:
            continue
    return values
