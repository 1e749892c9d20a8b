"""What a data file holds, whatever loader it is for: columns, units, ranges, NaN, duplicates."""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import UserError
from datasets.files import npz, root
from datasets.files.contents import is_list
from datasets.files.shards import read_facts
from datasets.tables.files import TableFile
from datasets.tables.formats import open_table

log = logging.getLogger(__name__)

ROWS = 1_000_000
"""Events of a column whose values are read at most, unless another number is asked for."""
WIDEST = 32
"""An array (N, M) with more columns is an image or a waveform, not a table."""
VALUES = 4_000_000
"""Values that are read at most of a branch with many per event: sensors are counted in thousands."""
UNREADABLE = "not readable"
PER_ROW = " per row"
PATIENCE = 5.0
"""Seconds after which a line says how far the reading is."""


@dataclass(frozen=True)
class Summary:
    """One column: `rows` events; `values` of the first of them, flattened if jagged, None if no numbers.

    Where it cannot be read, `kind` says so, and `reason` why.
    """

    name: str
    unit: str
    rows: int
    kind: str
    values: Any
    reason: str = ""

    @property
    def several(self) -> str:
        """Its name in the file, where a row has several values; else empty."""
        is_array = self.kind.endswith(PER_ROW) or is_list(self.kind)
        return re.sub(r"\[[0-9, ]*\]$", "", self.name) if is_array else ""

    def measure(self) -> dict[str, Any]:
        """Return least, median and largest finite value, how many are not finite, how many repeat others, by name."""
        if self.values is None or not len(self.values) or self.values.dtype.kind not in "fiub":
            return {}
        finite = self.values[np.isfinite(self.values)]
        quantiles = np.quantile(finite.astype(np.float64), [0, 0.5, 1]).tolist() if len(finite) else [None] * 3
        if self.values.dtype.kind in "iu":  # numbers of events have more digits than a measurement
            quantiles[0], quantiles[2] = int(finite.min()), int(finite.max())
        counts = {"NaN": len(self.values) - len(finite), "duplicates": len(finite) - len(np.unique(finite))}
        return {**dict(zip(("least", "median", "largest"), quantiles, strict=True)), **counts}

    def figures(self) -> list[str]:
        """Return the same as text."""
        texts = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in self.measure().values() if v is not None]
        return ["", "", "", *texts][-5:] if texts else [""] * 5

    def dump(self) -> dict[str, Any]:
        """Return all that is known of the column, for a script."""
        facts = {"column": self.name, "unit": self.unit, "rows": self.rows, "type": self.kind, "reason": self.reason}
        return {**facts, **self.measure()}


def summarize(path: Path, most: int = ROWS) -> dict[str, list[Summary]]:
    """Return the columns of a file under "", or of each tree of a ROOT file (or the one asked for) under ":tree".

    Args:
        path: the file, or `file.root:tree`.
        most: values of so many events are read; 0 gives the names alone.

    Raises:
        UserError: the file is damaged or of another kind.
    """
    if path.suffix.lower() == ".npz":
        return {"": summarize_npz(path, most)}
    if not root.is_root(path):
        return {"": summarize_table(path, most)}
    _, name = root.split_name(path)
    file, units = root.open_file(path), root.read_metadata(path).get("units")
    units = units if isinstance(units, dict) else {}
    summaries = {}
    for key in [name] if name else root.tree_names(file):
        tree = root.open_tree(path, key)
        branches = shown(list(tree.items()), f"{path}:{key}")  # names may occur twice, and "/x" is found by none
        summaries[f":{key}"] = [
            summarize_branch(branch, name, str(units.get(name, "")), int(tree.num_entries), most)
            for name, branch in branches
        ]
    return summaries


def shown(items: Sequence[Any], place: str, what: str = "columns") -> Iterator[Any]:
    """Yield all items, and say now and then how many of them are read."""
    last = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - last > PATIENCE:
            log.info("%s: %d of %d %s are read", place, number, len(items), what)
            last = time.monotonic()
        yield item


def summarize_npz(path: Path, most: int = ROWS) -> list[Summary]:
    """Return the columns of an npz file; an array with many columns, or with images, is described as a whole.

    Its metadata may give an array one unit, or a list with one unit for each column.
    """
    names = npz.array_names(path)
    units = read_facts(path).get("units")
    units = units if isinstance(units, dict) else {}
    summaries: list[Summary] = []
    for name in shown(names, str(path)):
        try:
            summaries += summarize_array(path, name, units.get(name, ""), most)
        except UserError as error:
            summaries.append(Summary(name, "", 0, UNREADABLE, None, error.problems[0].what))
    return summaries


def summarize_array(path: Path, name: str, unit: Any, most: int) -> list[Summary]:
    """Return an array (N,) as one column, a narrow table (N, M) as M of them, and any other as a whole."""
    shape, dtype = npz.read_header(path, name)[:2]
    rows = shape[0] if shape else 1
    if len(shape) != 2 or shape[1] > WIDEST:
        values = npz.load_rows(path, name, most) if len(shape) == 1 else None
        return [Summary(f"{name}{list(shape)}", str(unit), rows, kind_of(dtype, shape[1:]), values)]
    table, width = npz.load_rows(path, name, most), shape[1]
    fits = isinstance(unit, list) and len(unit) == width
    units = unit if fits else [unit if isinstance(unit, str) else ""] * width
    return [Summary(f"{name}[{i}]", str(units[i]), rows, kind_of(dtype), table[:, i]) for i in range(width)]


def kind_of(dtype: Any, inner: Sequence[int] = ()) -> str:
    """Return the type of a column in words, with the shape that an array has in each row.

    >>> kind_of(np.dtype("<U8")), kind_of(np.dtype("f4"), (4, 3))
    ('text', 'float32, 4 x 3 per row')
    """
    kind = {"U": "text", "S": "text", "c": "complex numbers"}.get(dtype.kind, str(dtype))
    return f"{kind}, {' x '.join(map(str, inner))}{PER_ROW}" if inner else kind


def summarize_table(path: Path, most: int = ROWS) -> list[Summary]:
    """Return the columns of an HDF5, Parquet or CSV file; what is no column, as lists, is described as a whole."""
    file, summaries = open_table(path), list[Summary]()
    for name in shown(file.names, str(path)):
        try:
            values = file.read([name], 0, most)[name]
            summaries.append(Summary(name, "", file.rows, kind_of(values.dtype), values))
        except UserError as error:
            summaries.append(Summary(name, "", file.rows, kind_of_array(file, name) or error.problems[0].what, None))
    return summaries


def kind_of_array(file: TableFile, name: str) -> str:
    """Return the type of what is no column: an array in each row, a list, a record; empty where it cannot be read."""
    try:
        first = file.arrays([file.find(name)[0]], 0, 1)[name]
    except UserError:
        return ""
    if isinstance(first, np.ndarray) and first.dtype != object:
        return kind_of(first.dtype, first.shape[1:])
    inner = str(getattr(first, "type", "")).replace("?", "").partition(" * ")[2]
    size, _, value = inner.rpartition(" * ")
    sizes = "a list" if "var" in size else size.replace("*", "x")
    return f"{value}, {sizes}{PER_ROW}" if size else inner


def summarize_branch(branch: Any, name: str, unit: str, rows: int, most: int = ROWS) -> Summary:
    """Return one branch of a tree; several values per event are flattened: the range is over all of them."""
    stop = min(most, max(1, int(VALUES // values_per_event(branch, rows))))
    try:
        array = branch.array(entry_stop=stop) if stop else None
        kind = str(branch.typename)
    except Exception as error:  # a list of leaves, or a class, that uproot cannot interpret; damaged bytes
        return Summary(name, unit, rows, UNREADABLE, None, root.reason_of(error))
    kind = f"{kind}, {stop:,} rows" if 0 < stop < min(rows, most) else kind
    return Summary(name, unit, rows, kind, None if array is None else numbers(array))


def values_per_event(branch: Any, rows: int) -> float:
    """Return how many values an event has, where it is known: from the shape, or the mean size of jagged events."""
    try:
        width = int(np.prod(branch.interpretation.inner_shape))
        return float(max(width, branch.uncompressed_bytes / max(rows, 1) / 8, 1))
    except Exception:  # a class, a field of an RNTuple, damaged bytes
        return 1.0


def numbers(array: Any) -> Any:
    """Return all values of an Awkward array as one NumPy array, None where they are no numbers."""
    import awkward

    try:
        return awkward.to_numpy(awkward.flatten(array, axis=None))
    except Exception:  # text, records, several types
        return None
