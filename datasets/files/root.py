"""ROOT files: their trees by name, their identity, and flat columns of some rows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError, unknown
from app.core.libraries import uproot

NAME = re.compile(r"(.*\.root)(?::(.+))?", re.DOTALL)
TREES = ("TTree", "ROOT::RNTuple")


def is_root(path: Path) -> bool:
    """Whether the name is that of a ROOT file, alone or as `file.root:tree`."""
    return NAME.fullmatch(str(path)) is not None


def parts(path: Path) -> tuple[Path, str | None]:
    """Return the file and the tree of `file.root:tree`."""
    found = NAME.fullmatch(str(path))
    return (Path(found[1]), found[2]) if found else (path, None)


def opened(path: Path) -> Any:
    """Open the file; raises UserError when it is truncated or of another kind.

    Blocks are read once in a pass, so that a cache of arrays would only take memory.
    """
    try:
        return uproot.open(parts(path)[0], array_cache=None)
    except Exception as error:
        raise _unreadable(path, error) from None


def trees(file: Any) -> list[str]:
    """Return the names of the trees in an open file, those in its directories as `directory/tree`."""
    return sorted({key.split(";")[0] for key, kind in file.classnames().items() if kind in TREES})


def tree(path: Path, name: str | None = None) -> Any:
    """Return the tree that `file.root:tree` or else `name` means, or the only one; raises UserError listing them."""
    file = opened(path)
    known = trees(file)
    wanted = parts(path)[1] or name
    if wanted is None and len(known) != 1:
        what = f"{len(known)} trees" if known else "no tree"
        expected = f"'tree' in the dataset, one of [{', '.join(known)}]" if known else "a file with a tree"
        raise UserError(Problem(f"the file has {what}", (str(path),), expected=expected))
    if wanted is not None and wanted not in known:
        raise UserError(unknown("tree", wanted, known, (str(path),)))
    try:
        return file[wanted or known[0]]
    except Exception as error:  # its description lies behind the end of a truncated file
        raise _unreadable(path, error) from None


def rows(
    tree: Any, branches: Sequence[str], first: int, number: int, path: Path, unpacking: Any = None
) -> dict[str, Any]:
    """Return `number` rows of branches as arrays, jagged ones as arrays of arrays; raises UserError when cut off.

    Args:
        tree: an open tree.
        branches: names of the branches.
        first: first row.
        number: of rows.
        path: the file, for the error.
        unpacking: executor that unpacks compressed baskets.
    """
    arrays = _arrays(tree, branches, first, number, path, unpacking, "np")
    return {branch: np.asarray(arrays[branch]) for branch in branches}


def awkward_rows(
    tree: Any, branches: Sequence[str], first: int, number: int, path: Path, unpacking: Any = None
) -> dict[str, Any]:
    """Return the same as Awkward arrays: jagged ones are an array of values and one of offsets, not many arrays."""
    arrays = _arrays(tree, branches, first, number, path, unpacking, "ak")
    return {branch: arrays[branch] for branch in branches}


def _arrays(
    tree: Any, branches: Sequence[str], first: int, number: int, path: Path, unpacking: Any, library: str
) -> Any:
    span = {"entry_start": first, "entry_stop": first + number}
    try:
        return tree.arrays(list(dict.fromkeys(branches)), **span, library=library, decompression_executor=unpacking)
    except Exception as error:
        raise _unreadable(path, error) from None


def metadata(path: Path) -> dict[str, Any]:
    """Return what the simulator wrote into the file as the JSON string `metadata`; {} for foreign files."""
    file = opened(path)
    try:
        text = str(file["metadata"]) if "metadata" in file else "{}"
    except Exception as error:
        raise _unreadable(path, error) from None
    try:
        content = json.loads(text)
    except ValueError:  # somebody else's object of that name
        return {}
    return dict(content) if isinstance(content, dict) else {}


def fingerprint(paths: Sequence[Path]) -> str:
    """Return a hash of the identities (UUID, size) that ROOT files carry themselves."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{opened(path).file.uuid}:{parts(path)[0].stat().st_size};".encode())
    return digest.hexdigest()[:16]


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(Problem(f"not a whole ROOT file ({reason})", (str(path),)))
