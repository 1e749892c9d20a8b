"""ROOT files: their trees by name, their identity, columns of some rows, and blocks of rows of many files."""

import hashlib
import json
import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

from app.core.errors import Problem, UserError, unknown
from app.core.libraries import uproot
from app.core.remote import Remote, open_binary, refusal, server_options

NAME = re.compile(r"(.*\.root)(?::(.+))?", re.DOTALL | re.IGNORECASE)
TREES = ("TTree", "ROOT::RNTuple")


def is_root(path: Path) -> bool:
    """Whether the name is that of a ROOT file, alone or as `file.root:tree`."""
    return NAME.fullmatch(str(path)) is not None


def split_name(path: Path) -> tuple[Path, str | None]:
    """Return the file and the tree of `file.root:tree`."""
    match = NAME.fullmatch(str(path))
    return (type(path)(match[1]), match[2]) if match else (path, None)


def place_of(path: Path, first: int) -> tuple[str]:
    """Return where a mistake is: the file, and from which row on when that is not the first."""
    return (f"{path}[{first}:]" if first else str(path),)


def open_file(path: Path) -> Any:
    """Open the file; raises UserError when it is truncated or of another kind.

    Blocks are read once in a pass, so that a cache of arrays would only take memory.
    """
    options = server_options(path)
    try:
        return uproot.open(str(split_name(path)[0]), array_cache=None, **options)
    except Exception as error:
        raise _unreadable(path, error) from None


def tree_names(file: Any) -> list[str]:
    """Return the names of the trees in an open file, those in its directories as `directory/tree`."""
    try:
        return sorted({key.split(";")[0] for key, kind in file.classnames().items() if kind in TREES})
    except Exception as error:  # the folders are read now
        raise _unreadable(Path(file.file_path), error) from None


def open_tree(path: Path, name: str | None = None) -> Any:
    """Return the tree that `file.root:tree` or else `name` names, or the only one; raises UserError listing them."""
    file = open_file(path)
    known = tree_names(file)
    wanted = split_name(path)[1] or name
    if wanted is None and len(known) != 1:
        what = f"{len(known)} trees" if known else "no tree"
        expected = f"'FILE:TREE' or 'tree' in the dataset, one of [{', '.join(known)}]" if known else "a tree"
        raise UserError(Problem(f"the file has {what}", (str(path),), expected=expected))
    if wanted is not None and wanted.split(";")[0] not in known:
        raise UserError(unknown("tree", wanted, known, (str(path),)))
    try:
        tree = file[wanted or known[0]]
        tree.keys()  # an RNTuple reads its footer now
    except Exception as error:  # the description of the tree is behind the end of a truncated file
        raise _unreadable(path, error) from None
    return tree


def read_rows(
    tree: Any,
    branches: Sequence[str],
    first: int,
    number: int,
    path: Path,
    unpacking: Any = None,
    library: Literal["np", "ak"] = "np",
) -> dict[str, Any]:
    """Return `number` rows of branches as arrays; raises UserError when the file is cut off.

    Args:
        tree: an open tree.
        branches: names of the branches.
        first: first row.
        number: number of rows.
        path: the file, for the error.
        unpacking: executor that unpacks compressed baskets.
        library: "np" gives jagged branches as arrays of arrays, "ak" as Awkward arrays: one array of values and one of
            offsets, not many arrays.
    """
    span = {"entry_start": first, "entry_stop": first + number, "library": library}
    every = list(tree.keys())
    for branch in branches:
        if every.count(branch) > 1:
            what = f"has {every.count(branch)} branches of the name {branch!r}, and which is meant is unknown"
            raise UserError(Problem(what, (str(path),), expected="a branch whose name occurs once"))
    parts = {branch for branch in branches if "." in branch and tree.classname == TREES[1]}  # fields of records
    whole = [branch for branch in dict.fromkeys(branches) if branch not in parts]
    try:
        arrays = tree.arrays(whole, **span, decompression_executor=unpacking) if whole else {}
        found = {b: tree[b].array(**span) if b in parts else arrays[b] for b in branches}
    except Exception as error:
        raise _unreadable(path, error) from None
    for branch, array in found.items():
        if len(array) != number:
            expected = f"{number} events from {first} on"
            raise UserError(Problem("a branch ends early", (str(path), branch), expected=expected, received=len(array)))
    return found


def read_metadata(path: Path) -> dict[str, Any]:
    """Return what the simulator wrote into the file as the JSON string `metadata`; {} for files of other programs."""
    file = open_file(path)
    try:
        text = str(file["metadata"]) if "metadata" in file else "{}"
    except Exception as error:
        raise _unreadable(path, error) from None
    try:
        content = json.loads(text)
    except ValueError:  # an object of that name from another program
        return {}
    return dict(content) if isinstance(content, dict) else {}


def fingerprint(
    paths: Sequence[Path],
    tree: str | None = None,
    branches: Mapping[str, str] = MappingProxyType({}),
    choices: Callable[[Any], list[str]] = tree_names,
) -> str:
    """Return a hash of what is read of ROOT files: UUID and size, which they carry themselves, and what a job chooses.

    A choice is a tree, with its number of events, in a file that has several, and branches of other than the usual
    names. A file that leaves no choice has the fingerprint that version 0.1 gave it.

    Args:
        paths: the files.
        tree: name of the tree where the path does not say it.
        branches: by column, where they have other than the usual names.
        choices: returns the names of the trees in an open file that may be meant.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{identity(path, file := open_file(path))};".encode())
        known = choices(file)
        wanted = split_name(path)[1] or tree or known[0]
        if known != [wanted] or branches:
            events = open_tree(path, wanted).num_entries
            digest.update(json.dumps([wanted, int(events), sorted(branches.items())]).encode())
    return digest.hexdigest()[:16]


def identity(path: Path, file: Any) -> str:
    """Return the UUID and the size of an open file."""
    size = file.file.source.num_bytes if isinstance(path, Remote) else split_name(path)[0].stat().st_size
    return f"{file.file.uuid}:{size}"


def _unreadable(path: Path, error: Exception) -> UserError:
    """Say whether the file is cut off or of another kind, or that something in it cannot be read."""
    if problem := refusal(path, error):
        return UserError(problem)
    if isinstance(error, OSError) and error.strerror:
        return UserError(Problem(f"cannot be read ({error.strerror})", (str(path),)))
    what = "something in it cannot be read" if _is_whole(path) else "not a whole ROOT file"
    return UserError(Problem(f"{what} ({reason_of(error)})", (str(path),)))


def reason_of(error: Exception) -> str:
    """Return the first line of what uproot says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(",:")


def _is_whole(path: Path) -> bool:
    """Whether a file is as long as its header says: "root", a version, .., the end in 4 bytes or, from 10^6 on, 8."""
    with open_binary(split_name(path)[0]) as content:
        magic, version, _, short, long = struct.unpack(">4siiii", content.read(20).ljust(20, b"\0"))
        end = short if version < 1_000_000 else (short << 32) + (long & 0xFFFFFFFF)
        return bool(magic == b"root" and content.seek(0, 2) >= end)


@dataclass(frozen=True)
class OpenTree(ABC):
    """The tree of one file."""

    path: Path
    tree: Any

    @property
    @abstractmethod
    def columns(self) -> frozenset[str]:
        """Our names of the columns that it has."""

    @property
    def rows(self) -> int:
        """The number of events."""
        return int(self.tree.num_entries)

    def edges(self, size: int) -> list[int]:
        """Return where blocks of `size` events begin and end."""
        return [*range(0, self.rows, size), self.rows]


Tree = TypeVar("Tree", bound=OpenTree)


@dataclass(frozen=True)
class TreeBlock(Generic[Tree]):
    """Some rows of one tree."""

    tree: Tree
    first: int
    rows: int

    @property
    def place(self) -> tuple[str]:
        """Where a mistake is, for errors."""
        return place_of(self.tree.path, self.first)


def tree_blocks(trees: Sequence[Tree], block_size: int) -> list[TreeBlock[Tree]]:
    """Return the blocks of all trees; raises UserError when they have different columns, or no events."""
    first = trees[0]
    for other in trees[1:]:
        if first.columns != other.columns:
            name = min(first.columns ^ other.columns)
            have, lack = (first, other) if name in first.columns else (other, first)
            what = f"has no branch for the column {name!r}, which {have.path} has"
            raise UserError(Problem(what, (str(lack.path),), expected="files with the same columns"))
    blocks = [TreeBlock(t, start, end - start) for t in trees for start, end in pairwise(t.edges(block_size))]
    if not blocks:
        received = [str(tree.path) for tree in trees[:3]]
        raise UserError(Problem("no events in these files", ("dataset", "files"), received=received))
    return blocks


@cache
def unpacking_threads() -> ThreadPoolExecutor:
    """Return two threads that unpack baskets: reading alone would wait for that half of the time."""
    return ThreadPoolExecutor(2)
