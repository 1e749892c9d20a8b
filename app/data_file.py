"""What stands in a data file, whatever loader it is for: columns, units, ranges, NaN, duplicates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lazy_loader
import numpy as np

from app.core.errors import Problem, UserError
from datasets import _npz

uproot = lazy_loader.load("uproot")

ROWS = 1_000_000
SUFFIXES = (".npz", ".root")


@dataclass(frozen=True)
class Summary:
    """One column: its numbers are those of the first million rows."""

    name: str
    unit: str
    rows: int
    kind: str
    values: Any

    def figures(self) -> list[str]:
        """Return least, median and largest value, the number of NaN and of repeated values, as text."""
        if self.values is None or not len(self.values) or self.values.dtype.kind not in "fiub":
            return ["", "", "", "", ""]
        finite = self.values[np.isfinite(self.values)]
        spread = [f"{value:.6g}" for value in np.quantile(finite, [0, 0.5, 1])] if len(finite) else ["", "", ""]
        return [*spread, str(len(self.values) - len(finite)), str(len(finite) - len(np.unique(finite)))]


def summarize(path: Path) -> dict[str, list[Summary]]:
    """Return the columns of an npz file under "", or of each tree of a ROOT file under ":tree".

    Raises:
        UserError: the file is damaged or of another kind.
    """
    if path.suffix == ".npz":
        return {"": list(_npz_columns(path))}
    if ".root" in path.name:
        return dict(_trees(path))
    raise UserError(Problem("not a data file", (str(path),), expected=f"a name that ends in {' or '.join(SUFFIXES)}"))


def _npz_columns(path: Path) -> Iterator[Summary]:
    units = _units(path)
    for name in _npz.members(path):
        array = _npz.array(path, name)
        if array.ndim == 2 and array.shape[1] <= 32:
            named = units.get(name, [""] * array.shape[1])
            for i, unit in enumerate(named):
                yield Summary(f"{name}[{i}]", unit, len(array), str(array.dtype), np.asarray(array[:ROWS, i]))
        else:
            values = np.asarray(array[:ROWS]) if array.ndim == 1 else None
            rows = len(array) if array.ndim else 1
            yield Summary(f"{name}{list(array.shape)}", str(units.get(name, "")), rows, str(array.dtype), values)


def _units(path: Path) -> dict[str, Any]:
    if "metadata" not in _npz.members(path):
        return {}
    try:
        return dict(json.loads(str(_npz.array(path, "metadata"))).get("units", {}))
    except (ValueError, AttributeError):
        return {}


def _trees(path: Path) -> Iterator[tuple[str, list[Summary]]]:
    try:
        file = uproot.open(path)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(Problem(f"not a whole ROOT file ({reason})", (str(path),))) from None
    for key in sorted(
        {key.split(";")[0] for key, kind in file.classnames().items() if kind in ("TTree", "ROOT::RNTuple")}
    ):
        yield f":{key}", [_branch(file[key], name) for name in file[key].keys()]  # noqa: SIM118  (a tree is no dict)


def _branch(tree: Any, name: str) -> Summary:
    """A jagged branch is flattened: its range is over all its entries."""
    kind = str(getattr(tree[name], "typename", ""))
    try:
        import awkward

        values = awkward.to_numpy(awkward.flatten(tree[name].array(entry_stop=ROWS), axis=None))
    except (ValueError, TypeError):
        values = None
    return Summary(name, "", int(tree.num_entries), kind, values)
