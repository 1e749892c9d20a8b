"""Photon sensors in ROOT trees: which branch, or element of a branch, is which column."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError, unknown
from app.physics.xenon_calorimeter import SENSORS
from datasets.files import root
from datasets.files.root import OpenTree, unpacking_threads

READINGS = {"npho": "npho", "relative_time": "relative_time"}
TRUTH = {
    "theta": "emiAng[0]",
    "phi": "emiAng[1]",
    "energy": "energyTruth",
    "time": "timeTruth",
    "u": "uvwTruth[0]",
    "v": "uvwTruth[1]",
    "w": "uvwTruth[2]",
    "direction_x": "emiVec[0]",
    "direction_y": "emiVec[1]",
    "direction_z": "emiVec[2]",
    "n_gamma": "nGamma",
}
EVENT = {"run": "run", "event": "event"}
BRANCHES = {**READINGS, **TRUTH, **EVENT}
"""Our name of each column, and where it is unless the job says otherwise: `branch` or `branch[element]`."""
ELEMENT = re.compile(r"(.+)\[(\d+)\]")
Columns = dict[str, Any]


@dataclass(frozen=True)
class Tree(OpenTree):
    """The tree of one file with its columns: `found[column]` is (branch, element or None)."""

    found: Mapping[str, tuple[str, int | None]]

    @property
    def columns(self) -> frozenset[str]:
        """Our names of the columns that it has."""
        return frozenset(self.found)

    def read(self, first: int, rows: int) -> Columns:
        """Return readings (rows, 4760) and the other columns (rows,) of some events, as they are in the file."""
        branches = list(dict.fromkeys(branch for branch, _ in self.found.values()))
        arrays = root.read_rows(self.tree, branches, first, rows, self.path, unpacking_threads())
        return {column: self.check_column(column, arrays[branch], e) for column, (branch, e) in self.found.items()}

    def check_column(self, column: str, array: Any, element: int | None) -> Any:
        """Return readings (rows, 4760), or one number per event; raises UserError for arrays of other shapes."""
        place = (str(self.path), self.found[column][0])
        array = regular_array(array, place)
        if column in READINGS:
            if array.ndim != 2 or array.shape[1] != SENSORS or array.dtype.kind not in "iuf":
                what, expected = (
                    "not the readings of this calorimeter",
                    f"{SENSORS} numbers per event, one for each sensor",
                )
                raise UserError(Problem(what, place, expected=expected, received=array.shape[1:]))
            return np.ascontiguousarray(array, np.float32)
        if element is not None and (array.ndim != 2 or array.shape[1] <= element):
            expected = f"at least {element + 1} numbers per event for the column {column!r}"
            raise UserError(Problem("too few elements", place, expected=expected, received=array.shape[1:]))
        values = array if element is None else array[:, element]
        if values.ndim != 1 or values.dtype.kind not in "iufb":
            expected = f"one number per event for {column!r}, or '{place[1]}[0]' in 'branches'"
            raise UserError(
                Problem("not a column of numbers", place, expected=expected, received=f"{array.shape[1:]} per event")
            )
        return values


def open_sensor_tree(path: Path, name: str, branches: Mapping[str, str], truth: bool = True) -> Tree:
    """Open a tree and find its columns.

    Args:
        path: the file, or `file.root:tree`.
        name: the tree where the path does not say it.
        branches: branches of columns whose branch has another name than `BRANCHES` says.
        truth: whether the truth is read.

    Raises:
        UserError: no such tree, no branch for a reading or for a column that `branches` names.
    """
    for column in branches:
        if column not in BRANCHES:
            raise UserError(unknown("column", column, list(BRANCHES), ("dataset", "branches")))
    tree = root.open_tree(path, name)
    known = [str(key) for key in tree.keys()]  # noqa: SIM118  (a tree is no dict)
    found = {}
    for column, usual in (BRANCHES if truth else {**READINGS, **EVENT}).items():
        text = branches.get(column, usual)
        match = None if text in known else ELEMENT.fullmatch(text)  # a branch may really be called `name[0]`
        branch, element = (match[1], int(match[2])) if match else (text, None)
        if branch in known:
            found[column] = (branch, element)
        elif column in branches or column in READINGS:
            raise UserError(unknown(f"branch for the column {column!r}", branch, sorted(known), (str(path),)))
    return Tree(path, tree, found)


def regular_array(array: Any, place: tuple[str, str]) -> Any:
    """Return a branch of vectors, which comes as an array of arrays, as one array; all must have one length."""
    if array.dtype != object:
        return array
    lengths = {len(values) if hasattr(values, "__len__") and not isinstance(values, str) else -1 for values in array}
    if len(lengths) > 1 or -1 in lengths:
        expected = "the same number of values in every event"
        raise UserError(Problem("jagged, or no numbers", place, expected=expected, received=sorted(lengths)[:5]))
    return np.stack([np.asarray(values) for values in array]) if len(array) else np.empty((0, SENSORS))
