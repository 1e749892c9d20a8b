"""What a data file holds, whatever loader it is for: columns, units, ranges, NaN, duplicates."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from datasets.files import npz, root
from datasets.files.shards import metadata_name

ROWS = 1_000_000
"""Events of a column whose values are read at most."""
WIDEST = 32
"""An array (N, M) with more columns is an image or a waveform, not a table."""
VALUES = 4_000_000
"""Values that are read at most of a branch with many per event: sensors are counted in thousands."""
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
        quantiles = np.quantile(finite.astype(np.float64), [0, 0.5, 1]) if len(finite) else ()
        spread = [f"{value:.6g}" for value in quantiles] or [""] * 3
        if self.values.dtype.kind in "iu":  # numbers of events have more digits than a measurement
            spread[0], spread[2] = str(finite.min()), str(finite.max())
        return [*spread, str(len(self.values) - len(finite)), str(len(finite) - len(np.unique(finite)))]


def summarize(path: Path) -> dict[str, list[Summary]]:
    """Return the columns of an npz file under "", or of each tree of a ROOT file (or the one asked for) under ":tree".

    Raises:
        UserError: the file is damaged or of another kind.
    """
    if path.suffix.lower() == ".npz":
        return {"": summarize_npz(path)}
    if not root.is_root(path):
        expected = f"a name that ends in {' or '.join(SUFFIXES)}"
        raise UserError(Problem("not a data file", (str(path),), expected=expected))
    _, name = root.split_name(path)
    file, units = root.open_file(path), root.read_metadata(path).get("units")
    units = units if isinstance(units, dict) else {}
    summaries = {}
    for key in [name] if name else root.tree_names(file):
        tree = root.open_tree(path, key)
        branches = tree.keys()  # a tree is no dict: it has no names but these
        summaries[f":{key}"] = [summarize_branch(tree, branch, str(units.get(branch, ""))) for branch in branches]
    return summaries


def summarize_npz(path: Path) -> list[Summary]:
    """Return the columns of an npz file; an array with many columns, or with images, is described as a whole.

    Its metadata may give an array one unit, or a list with one unit for each column.
    """
    known: dict[str, Any] = {}
    name = metadata_name(npz.array_names(path))
    if name in npz.array_names(path):
        try:
            known = dict(json.loads(str(npz.load_array(path, name))).get("units", {}))
        except (ValueError, AttributeError, TypeError):  # metadata of another program
            known = {}
    summaries = []
    for name in npz.array_names(path):
        array, unit = npz.load_array(path, name), known.get(name, "")
        kind = str(array.dtype)
        if array.ndim == 2 and array.shape[1] <= WIDEST:
            width = array.shape[1]
            fits = isinstance(unit, list) and len(unit) == width
            units = unit if fits else [unit if isinstance(unit, str) else ""] * width
            for i in range(width):
                column = np.asarray(array[:ROWS, i])
                summaries.append(Summary(f"{name}[{i}]", str(units[i]), len(array), kind, column))
        else:
            values = np.asarray(array[:ROWS]) if array.ndim == 1 else None
            rows = len(array) if array.ndim else 1
            summaries.append(Summary(f"{name}{list(array.shape)}", str(unit), rows, kind, values))
    return summaries


def summarize_branch(tree: Any, name: str, unit: str) -> Summary:
    """Return one branch of a tree; several values per event are flattened: the range is over all of them."""
    import awkward

    branch = tree[name]
    try:
        width = int(np.prod(branch.interpretation.inner_shape))
    except (AttributeError, NotImplementedError):  # jagged, a class, a field of an RNTuple
        width = 1
    stop = min(ROWS, max(1, VALUES // max(width, 1)))
    try:
        values = awkward.to_numpy(awkward.flatten(branch.array(entry_stop=stop), axis=None))
    except Exception:  # classes that uproot cannot interpret, text
        values = None
    rows, kind = int(tree.num_entries), str(getattr(branch, "typename", ""))
    return Summary(name, unit, rows, f"{kind}, {stop:,} rows" if stop < min(rows, ROWS) else kind, values)
