"""Track states in npz files and ROOT trees: which array or branch is which column."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lazy_loader
import numpy as np

from app.core.errors import Problem, UserError, unknown
from datasets import _npz

uproot = lazy_loader.load("uproot")

START = ("x", "y", "tx", "ty", "qop", "dz")
END = ("x", "y", "tx", "ty")
ROWS_PER_BLOCK = 2**20
Columns = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """Names in a file: the arrays of an npz, or the tree and branches of a ROOT file."""

    start: str = "X"
    end: str = "Y"
    momentum: str = "P"
    planes: str = "Z"
    tree: str | None = None
    branches: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """Some rows of a file: `read` gives columns x, y, tx, ty, qop, true_x ..., and dz, p, z_start, key if stored."""

    path: Path
    first: int
    rows: int
    read: Callable[[], Columns]


def is_root(path: Path) -> bool:
    """Whether the file name ends as a ROOT file's, with or without `:tree`."""
    return ".root" in path.name


def blocks(path: Path, layout: Layout) -> list[Block]:
    """Return the blocks of one file; only its directory is read."""
    return _root_blocks(path, layout) if is_root(path) else _npz_blocks(path, layout)


def metadata(path: Path) -> dict[str, Any]:
    """Return what the simulator wrote about the file; {} for foreign files."""
    if is_root(path) or "metadata" not in _npz.members(path):
        return {}
    return dict(json.loads(str(_npz.array(path, "metadata"))))


def fingerprint(paths: list[Path]) -> str:
    """Return a hash of the content of the files."""
    if not any(is_root(path) for path in paths):
        return _npz.fingerprint(paths)
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}:{path.stat().st_size}:{_opened(path).file.uuid}".encode())
    return digest.hexdigest()[:16]


def _ranges(rows: int) -> list[tuple[int, int]]:
    return [(first, min(ROWS_PER_BLOCK, rows - first)) for first in range(0, rows, ROWS_PER_BLOCK)]


def _npz_blocks(path: Path, layout: Layout) -> list[Block]:
    known = _npz.members(path)
    start, end = _npz.array(path, layout.start), _npz.array(path, layout.end)
    _check_shape(path, layout.start, start, len(START) - 1)
    _check_shape(path, layout.end, end, len(END))
    others = {"p": layout.momentum, "z": layout.planes, "key": "key"}
    present = {column: name for column, name in others.items() if name in known}
    arrays = {"start": start, "end": end, **{c: _npz.array(path, n) for c, n in present.items()}}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(Problem("arrays of different lengths", (str(path),), expected="one length", received=lengths))
    return [Block(path, first, rows, lambda f=first, r=rows: _cut(arrays, f, r)) for first, rows in _ranges(len(start))]  # type: ignore[misc]


def _check_shape(path: Path, name: str, array: Any, least: int) -> None:
    if array.ndim != 2 or array.shape[1] < least:
        expected = f"an array (N, {least} or more) with the columns {', '.join(START[:least])}"
        raise UserError(Problem("not track states", (str(path), name), expected=expected, received=array.shape))


def _cut(arrays: Mapping[str, Any], first: int, rows: int) -> Columns:
    part = {name: np.array(array[first : first + rows]) for name, array in arrays.items()}
    columns = {name: part["start"][:, i] for i, name in enumerate(START[: part["start"].shape[1]])}
    columns |= {f"true_{name}": part["end"][:, i] for i, name in enumerate(END)}
    if "z" in part:
        columns["z_start"] = part["z"][:, 0]
        columns.setdefault("dz", part["z"][:, 1] - part["z"][:, 0])
    return columns | {name: part[name] for name in ("p", "key") if name in part}


def _opened(path: Path, tree: str | None = None) -> Any:
    """Open the tree of `file.root` or `file.root:tree`; raises UserError listing the trees that there are."""
    name, _, after = str(path).partition(".root")
    wanted = after.removeprefix(":") or tree
    try:
        file = uproot.open(f"{name}.root")
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(Problem(f"not a whole ROOT file ({reason})", (str(path),))) from None
    trees = sorted({key.split(";")[0] for key, kind in file.classnames().items() if kind in ("TTree", "ROOT::RNTuple")})
    if wanted is None and len(trees) == 1:
        return file[trees[0]]
    if wanted not in trees:
        raise UserError(unknown("tree", wanted, trees, (str(path),)))
    return file[wanted]


def _root_blocks(path: Path, layout: Layout) -> list[Block]:
    tree = _opened(path, layout.tree)
    wanted = {name: layout.branches.get(name, name) for name in (*START[:-1], *(f"true_{n}" for n in END))}
    optional = {name: layout.branches.get(name, name) for name in ("dz", "p", "z_start", "key")}
    for name, branch in wanted.items():
        if branch not in tree.keys():  # noqa: SIM118  (a tree's `in` means another thing)
            raise UserError(unknown(f"branch for the column {name!r}", branch, sorted(tree.keys()), (str(path),)))
    wanted |= {name: branch for name, branch in optional.items() if branch in tree.keys()}  # noqa: SIM118

    def read(first: int, rows: int) -> Columns:
        arrays = tree.arrays(list(wanted.values()), entry_start=first, entry_stop=first + rows, library="np")
        return {name: np.asarray(arrays[branch]) for name, branch in wanted.items()}

    ranges = _ranges(tree.num_entries)
    return [Block(path, first, rows, lambda f=first, r=rows: read(f, r)) for first, rows in ranges]  # type: ignore[misc]
