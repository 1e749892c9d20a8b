"""Track states in npz files and ROOT trees: which array or branch is which column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError, unknown
from datasets.files import npz, root
from datasets.files.shards import read_facts

START = ("x", "y", "tx", "ty", "qop", "dz")
END = ("x", "y", "tx", "ty")
NEEDED = (*START[:-1], *(f"true_{name}" for name in END))
OPTIONAL = ("dz", "p", "z_start", "key")
ROWS_PER_BLOCK = 2**20
LENGTHS_DIFFER = 1.0
"""Difference [mm] of dz and the distance of the planes that is no rounding."""
Columns = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """Names in a file: the arrays of an npz, or the tree and branches of a ROOT file."""

    start: str = "X"
    end: str = "Y"
    momentum: str | None = "P"
    planes: str | None = "Z"
    tree: str | None = None
    branches: Mapping[str, str] = field(default_factory=dict)
    truth: bool = True

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a file must have."""
        return NEEDED if self.truth else START[:-1]


@dataclass(frozen=True)
class Block:
    """Some rows of a file: `read` gives columns x, y, tx, ty, qop, true_x ..., and dz, p, z_start, key if stored."""

    path: Path
    first: int
    rows: int
    read: Callable[[], Columns]

    @property
    def place(self) -> tuple[str]:
        """Where a mistake is, for errors."""
        return root.place_of(self.path, self.first)


def check_layout(layout: Layout, files: Sequence[Path]) -> None:
    """Refuse names that no file reads."""
    for column in layout.branches:
        if column not in (*NEEDED, *OPTIONAL):
            raise UserError(unknown("column", column, [*NEEDED, *OPTIONAL], ("dataset", "branches")))
    kinds = {root.is_root(path) for path in files}
    unread = {True: ("start", "end", "momentum", "planes"), False: ("tree", "branches")}
    for name in unread[kinds.pop()] if len(kinds) == 1 else ():
        if getattr(layout, name) != getattr(Layout(), name):
            what = f"none of the files reads {name!r}"
            expected = "'tree' and 'branches' for ROOT files; 'start', 'end', 'momentum' and 'planes' for npz files"
            raise UserError(Problem(what, ("dataset", name), expected=expected, received=getattr(layout, name)))


def file_blocks(path: Path, layout: Layout) -> list[Block]:
    """Return the blocks of one file; only its directory is read."""
    rows, read = root_reader(path, layout) if root.is_root(path) else npz_reader(path, layout)
    ranges = [(first, min(ROWS_PER_BLOCK, rows - first)) for first in range(0, rows, ROWS_PER_BLOCK)]
    return [Block(path, first, number, partial(read, first, number)) for first, number in ranges]


def read_metadata(path: Path) -> dict[str, Any]:
    """Return what the simulator wrote about the file; {} for files of other programs."""
    return {} if root.is_root(path) else read_facts(path)


def fingerprint(paths: Sequence[Path], layout: Layout) -> str:
    """Return a hash of the content of the files, in order, and of what the layout chooses in ROOT files."""
    arrays = [path for path in paths if not root.is_root(path)]
    others = [path for path in paths if root.is_root(path)]
    usual = Layout()
    names = {name: getattr(layout, name) for name in ("start", "end", "momentum", "planes")}
    choice = {name: value for name, value in names.items() if value != getattr(usual, name)}
    hashes = [npz.fingerprint(arrays, choice)] if arrays else []
    if others:
        renamed = {column: branch for column, branch in layout.branches.items() if branch != column}
        hashes.append(root.fingerprint(others, layout.tree, renamed))
    return "-".join(hashes)


def npz_reader(path: Path, layout: Layout) -> tuple[int, Callable[[int, int], Columns]]:
    """Return the number of rows of an npz file, and the function that reads (first, number) of them."""
    known = npz.array_names(path)
    arrays = {"start": npz.load_array(path, layout.start)}
    if layout.truth:
        arrays["end"] = npz.load_array(path, layout.end)
    for column, name, usual in (("p", layout.momentum, "P"), ("z", layout.planes, "Z"), ("key", "key", "key")):
        if name is not None and (name in known or name != usual):  # a name that was asked for must be there
            arrays[column] = npz.load_array(path, name)
    names = {"start": layout.start, "end": layout.end, "p": str(layout.momentum), "z": str(layout.planes), "key": "key"}
    shapes = {"start": (2, len(START) - 1), "end": (2, len(END)), "p": (1, 0), "z": (2, 2), "key": (1, 0)}
    for column, array in arrays.items():
        dimensions, least = shapes[column]
        if array.ndim != dimensions or (dimensions == 2 and array.shape[1] < least):
            expected = f"the shape {f'(N, {least} or more)' if dimensions == 2 else '(N,)'}"
            where = (str(path), names[column])
            raise UserError(Problem("not an array of track states", where, expected=expected, received=array.shape))
    lengths = {names[column]: len(array) for column, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(Problem("arrays of different lengths", (str(path),), expected="one length", received=lengths))
    return len(arrays["start"]), partial(read_npz_rows, path, {column: names[column] for column in arrays})


def read_npz_rows(path: Path, names: Mapping[str, str], first: int, rows: int) -> Columns:
    """Read some rows by array name; nothing stays mapped, for pages of a mapped file count as this process's memory."""
    part = {column: np.array(npz.load_array(path, name)[first : first + rows]) for column, name in names.items()}
    columns = {name: part["start"][:, i] for i, name in enumerate(START[: part["start"].shape[1]])}
    if "z" in part and "dz" in columns:
        check_lengths(columns["dz"], part["z"], first, (str(path),))
    if "end" in part:
        columns |= {f"true_{name}": part["end"][:, i] for i, name in enumerate(END)}
    if "z" in part:
        columns["z_start"] = part["z"][:, 0]
        columns.setdefault("dz", part["z"][:, 1] - part["z"][:, 0])
    return columns | {name: part[name] for name in ("p", "key") if name in part}


def check_lengths(dz: Any, z: Any, first: int, place: tuple[str]) -> None:
    """Refuse lengths (N,) [mm] that are not those between the planes (N, 2), both of a file, from a row on."""
    if dz.dtype.kind not in "iuf" or z.dtype.kind not in "iuf":
        return  # the dataset says which column is no number
    with np.errstate(invalid="ignore"):  # what is not finite is refused, or dropped, by the dataset
        length = np.asarray(z[:, 1], np.float64) - z[:, 0]
        apart = np.abs(length - dz)
    bad = np.flatnonzero((apart > LENGTHS_DIFFER) & np.isfinite(apart))
    if len(bad):
        what = f"dz and z_start, z_end of {len(bad)} of {len(dz)} tracks contradict each other, first at row"
        what += f" {first + bad[0]}"
        expected = f"dz = {length[bad[0]]:g} mm, or 'planes': null where that array is something else"
        raise UserError(Problem(what, place, expected=expected, received=float(dz[bad[0]])))


def root_reader(path: Path, layout: Layout) -> tuple[int, Callable[[int, int], Columns]]:
    """Return the number of rows of a ROOT tree, and the function that reads (first, number) of them."""
    tree = root.open_tree(path, layout.tree)
    known = list(tree.keys())
    wanted = {name: layout.branches.get(name, name) for name in (*layout.needed, *OPTIONAL)}
    for name in OPTIONAL:
        if name not in layout.branches and name not in known:
            del wanted[name]
    for name, branch in wanted.items():
        if branch not in known:
            raise UserError(unknown(f"branch for the column {name!r}", branch, sorted(known), (str(path),)))

    def read(first: int, rows: int) -> Columns:
        arrays = root.read_rows(tree, list(wanted.values()), first, rows, path)
        return {name: arrays[branch] for name, branch in wanted.items()}

    return int(tree.num_entries), read
