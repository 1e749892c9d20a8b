"""What stands in a data file, whatever loader it is for: columns, units, ranges, NaN, duplicates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from datasets.files import npz, root
from datasets.files.shards import metadata_name

ROWS = 1_000_000
WIDEST = 32
"""An array (N, M) with more columns is an image or a waveform, not a table."""
VALUES = 4_000_000
"""Of a branch with many values per event at most so many are looked at: sensors are counted in thousands."""
SUFFIXES = (".npz", ".root")


@dataclass(frozen=True)
class Summary:
    """One column: `rows` events; `values` of the first million of them, flattened if jagged, None if no numbers."""

    name: str
    unit: str
    rows: int
    kind: str
    values: Any

    def figures(self) -> list[str]:
        """Return least, median and largest finite value, how many are not finite, how many repeat others, as text."""
        if self.values is None or not len(self.values) or self.values.dtype.kind not in "fiub":
            return ["", "", "", "", ""]
        finite = self.values[np.isfinite(self.values)]
        spread = (
            [f"{value:.6g}" for value in np.quantile(finite.astype(np.float64), [0, 0.5, 1])]
            if len(finite)
            else [""] * 3
        )
        return [*spread, str(len(self.values) - len(finite)), str(len(finite) - len(np.unique(finite)))]


def summarize(path: Path) -> dict[str, list[Summary]]:
    """Return the columns of an npz file under "", or of each tree of a ROOT file (or the one asked for) under ":tree".

    Raises:
        UserError: the file is damaged or of another kind.
    """
    if path.suffix == ".npz":
        return {"": list(_npz_columns(path))}
    if root.is_root(path):
        return dict(_trees(path))
    raise UserError(Problem("not a data file", (str(path),), expected=f"a name that ends in {' or '.join(SUFFIXES)}"))


def _npz_columns(path: Path) -> Iterator[Summary]:
    units = _units(path)
    for name in npz.array_names(path):
        array, unit = npz.load_array(path, name), units.get(name, "")
        if array.ndim == 2 and array.shape[1] <= WIDEST:
            yield from _table_columns(name, array, unit)
        else:
            values = np.asarray(array[:ROWS]) if array.ndim == 1 else None
            rows = len(array) if array.ndim else 1
            yield Summary(f"{name}{list(array.shape)}", str(unit), rows, str(array.dtype), values)


def _table_columns(name: str, array: Any, unit: Any) -> Iterator[Summary]:
    """Units are one for all columns or a list with one for each; any other list is somebody else's."""
    width = array.shape[1]
    units = unit if isinstance(unit, list) and len(unit) == width else [unit if isinstance(unit, str) else ""] * width
    for i in range(width):
        yield Summary(f"{name}[{i}]", str(units[i]), len(array), str(array.dtype), np.asarray(array[:ROWS, i]))


def _units(path: Path) -> dict[str, Any]:
    name = metadata_name(npz.array_names(path))
    if name not in npz.array_names(path):
        return {}
    try:
        return dict(json.loads(str(npz.load_array(path, name))).get("units", {}))
    except (ValueError, AttributeError, TypeError):
        return {}


def _trees(path: Path) -> Iterator[tuple[str, list[Summary]]]:
    _, name = root.split_name(path)
    file, units = root.open_file(path), root.read_metadata(path).get("units")
    units = units if isinstance(units, dict) else {}
    for key in [name] if name else root.tree_names(file):
        tree = root.open_tree(path, key)
        yield f":{key}", [_branch(tree, branch, str(units.get(branch, ""))) for branch in tree.keys()]  # noqa: SIM118  (a tree is no dict)


def _branch(tree: Any, name: str, unit: str) -> Summary:
    """A branch of several values is flattened: its range is over all its entries."""
    import awkward

    kind, stop = str(getattr(tree[name], "typename", "")), _events_of(tree[name])
    try:
        values = awkward.to_numpy(awkward.flatten(tree[name].array(entry_stop=stop), axis=None))
    except Exception:  # classes that uproot cannot interpret, text
        values = None
    rows = int(tree.num_entries)
    return Summary(name, unit, rows, f"{kind}, {stop:,} rows" if stop < min(rows, ROWS) else kind, values)


def _events_of(branch: Any) -> int:
    """How many events of a branch are looked at."""
    try:
        width = int(np.prod(branch.interpretation.inner_shape))
    except (AttributeError, NotImplementedError):  # jagged, a class, a field of an RNTuple
        width = 1
    return min(ROWS, max(1, VALUES // max(width, 1)))
