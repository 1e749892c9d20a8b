"""Shards: files of one dataset with metadata, written one by one and continued after an interruption."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import not_written, write_bytes
from datasets.files import root

log = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]

METADATA, BESIDE = "metadata", "metadata_json"
"""Names of the JSON string about a file; the second where an array is called metadata."""

_ONLY: ContextVar[int | None] = ContextVar("only", default=None)


@contextmanager
def only(shard: int | None) -> Iterator[None]:
    """Let simulators write this one shard while the block runs: their shards do not depend on each other."""
    token = _ONLY.set(shard)
    try:
        yield
    finally:
        _ONLY.reset(token)


def shard_path(folder: Path, shard: int, suffix: str = ".npz") -> Path:
    """Return where shard number `shard` of `folder` lies."""
    return folder / f"shard_{shard:05d}{suffix}"


def write_shard(path: Path, arrays: Arrays, metadata: Mapping[str, Any]) -> None:
    """Write arrays with one row per event and their metadata atomically as an uncompressed npz.

    The metadata are a JSON string named `metadata`, or `metadata_json` where an array has that name.

    Raises:
        NotWritten: the disk is full, or the folder cannot be written; shards that were finished before stay whole.
    """
    text = np.array(json.dumps(metadata))
    name = BESIDE if METADATA in arrays else METADATA
    write_bytes(path, lambda file: _save(file, {**arrays, name: text}))


def _save(file: BinaryIO, arrays: Arrays) -> None:
    np.savez(file, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes the first keyword for allow_pickle


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of an npz or ROOT shard; raises UserError when it is missing, damaged or has none."""
    if path.suffix == ".root":
        return _known(root.metadata(path), path)
    with open_shard(path) as content:
        return metadata_of(content, path)


def metadata_of(content: Any, path: Path) -> dict[str, Any]:
    """Return the metadata of an open npz."""
    name = metadata_name(content.files)
    text = content[name] if name in content.files else np.empty(0)
    return _known(dict(json.loads(str(text))) if text.dtype.kind == "U" else {}, path)


def metadata_name(names: Sequence[str]) -> str:
    """Return which of a file's arrays is the JSON string about it."""
    return BESIDE if BESIDE in names else METADATA


def _known(metadata: dict[str, Any], path: Path) -> dict[str, Any]:
    if not metadata:
        raise UserError(Problem("has no metadata", (str(path),), expected="a file written by 'wirechamber simulate'"))
    return metadata


@contextmanager
def open_shard(path: Path) -> Iterator[Any]:
    """Open an npz without pickles; a file that is missing or cut short is one clear UserError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            yield content
    except FileNotFoundError:
        raise UserError(Problem("no such file", (str(path),))) from None
    except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(Problem(f"cannot be read, it is damaged or no npz ({error})", (str(path),))) from None


def make_folder(folder: Path) -> None:
    """Make a folder that may be there already; raises NotWritten when the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from None


def unfinished(folder: Path, rows: Sequence[int], metadata: Mapping[str, Any], suffix: str = ".npz") -> list[int]:
    """Return which shards of `folder` are still to be written.

    Args:
        folder: where the shards lie; made when missing.
        rows: how many rows each shard shall have.
        metadata: what every shard's metadata must contain with equal values.
        suffix: of the shards' names.

    Raises:
        UserError: the folder holds shards made with other options, or more of them than asked for; there is no shard
            of the number that `only` asks for.
    """
    make_folder(folder)
    chosen = _chosen(len(rows))
    present = {path: read_metadata(path) for path in sorted(folder.glob(f"shard_*{suffix}"))}
    for path, found in present.items():
        _require_equal(path, found, metadata)
    wanted = {shard_path(folder, shard, suffix): shard for shard in range(len(rows))}
    surplus = [path.name for path in present if path not in wanted]
    if surplus:
        what = f"holds {len(present)} shards where {len(rows)} are asked for"
        raise UserError(Problem(what, (str(folder),), expected="another folder", received=surplus[0]))
    todo = [n for path, n in wanted.items() if n in chosen and present.get(path, {}).get("rows") != rows[n]]
    if len(todo) < len(chosen):
        log.info("%s: %d of %d shards are there already", folder, len(chosen) - len(todo), len(chosen))
    return todo


def _chosen(shards: int) -> range:
    shard = _ONLY.get()
    if shard is None:
        return range(shards)
    if shard >= shards:
        raise UserError(
            Problem("no such shard", ("--shard",), expected=f"a number from 0 to {shards - 1}", received=shard)
        )
    return range(shard, shard + 1)


def _require_equal(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name, value in json.loads(json.dumps(wanted)).items():
        if found.get(name) != value:
            where, came = differing(value, found.get(name), name)
            what = "the folder holds shards made with other options; choose another folder or remove them"
            raise UserError(Problem(what, (str(path), *where), expected=repr(came[0]), received=came[1]))


def differing(one: Any, other: Any, *where: str) -> tuple[tuple[str, ...], tuple[Any, Any]]:
    """Return the path to the first item in which two JSON values differ, and the two items."""
    if isinstance(one, dict) and isinstance(other, dict):
        name = next(key for key in [*one, *other] if one.get(key) != other.get(key))
        return differing(one.get(name), other.get(name), *where, name)
    return where, (one, other)
