"""Shards: npz and ROOT files of one dataset with metadata, written one by one and continued after an interruption."""

import hashlib
import json
import logging
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import write_bytes, write_error, write_file
from app.core.interruption import check
from app.core.libraries import uproot
from app.core.parts import part_of
from datasets.files import npz, root

log = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]
Layout = Mapping[str, tuple[str, tuple[int, ...]] | str]
"""Type and shape of one event for each branch; where its length varies, the type as awkward writes it: 'var * ...'."""
METADATA, BESIDE = "metadata", "metadata_json"
"""Names of the JSON string about a file; the second where an array is called metadata."""
_ONLY: ContextVar[int | None] = ContextVar("only", default=None)


@contextmanager
def only_shard(shard: int | None) -> Iterator[None]:
    """Let simulators write only this shard inside the context: their shards do not depend on each other."""
    token = _ONLY.set(shard)
    try:
        yield
    finally:
        _ONLY.reset(token)


def shard_path(folder: Path, shard: int, suffix: str = ".npz") -> Path:
    """Return the path of shard number `shard` in `folder`."""
    return folder / f"shard_{shard:05d}{suffix}"


def write_shard(path: Path, arrays: Arrays, metadata: Mapping[str, Any]) -> None:
    """Write arrays with one row per event and their metadata atomically as an uncompressed npz.

    The metadata are a JSON string named `metadata`, or `metadata_json` where an array has that name.

    Raises:
        NotWritten: the disk is full, or the folder cannot be written; shards that were finished before stay whole.
    """
    content: dict[str, Any] = {**arrays, BESIDE if METADATA in arrays else METADATA: np.array(json.dumps(metadata))}
    write_bytes(path, lambda file: np.savez(file, **content))


def write_root_shard(
    path: Path, tree: str, layout: Layout, blocks: Iterable[Mapping[str, Any]], metadata: Mapping[str, Any]
) -> None:
    """Write blocks of events atomically into one tree, each as one basket per branch, and metadata as a JSON string.

    zstd at its fastest level reads four times as fast as zlib and is no larger. The file's UUID, by which
    `root.fingerprint` distinguishes files, is a hash of the metadata: a shard that is made again is the same data.

    Args:
        path: the file.
        tree: name of the tree.
        layout: its branches.
        blocks: arrays (N, ...) of all branches, block by block; only one is in memory at a time.
        metadata: what the file says about itself.

    Raises:
        NotWritten: the disk is full, or the folder cannot be written; shards that were finished before stay whole.
    """
    text = json.dumps(metadata)
    identity = uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16])

    def fill(part: Path) -> None:
        # The file holds the name it is written under, and the fingerprint of data depends on the size of files: the
        # name is as long as in version 0.1, whatever machine and process write it.
        folder = part_of(path)
        named = folder / f".{path.name}.00000000.part"
        folder.mkdir()
        try:
            with uproot.recreate(named, compression=uproot.ZSTD(1), uuid_function=lambda: identity) as file:
                written = file.mktree(tree, {name: parse_type(kind) for name, kind in layout.items()})
                for block in blocks:
                    check()
                    written.extend(dict(block))
                file["metadata"] = text
            named.replace(part)
        finally:
            shutil.rmtree(folder)

    write_file(path, fill)


@cache
def parse_type(kind: tuple[str, tuple[int, ...]] | str) -> Any:
    """Return the type of a branch, parsed once for all shards: uproot parses a text anew for each, which takes long."""
    import awkward

    return awkward.types.from_datashape(kind, highlevel=False) if isinstance(kind, str) else kind


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of an npz or ROOT shard; raises UserError when it is missing, damaged or has none."""
    metadata = _metadata(path)
    if not metadata:
        raise UserError(Problem("has no metadata", (str(path),), expected="a file written by 'wirechamber simulate'"))
    return metadata


def is_simulated(path: Path) -> bool:
    """Return whether a file was written by `wirechamber simulate`, or merged or converted of such files."""
    return path.suffix.lower() in (".npz", ".root") and "generator_version" in _metadata(path)


def _metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of an npz or ROOT file; {} for files of other programs."""
    return root.read_metadata(path) if path.suffix.lower() == ".root" else read_facts(path)


def metadata_name(names: Sequence[str]) -> str:
    """Return which of a file's arrays is the JSON string about it."""
    return BESIDE if BESIDE in names else METADATA


def read_facts(path: Path) -> dict[str, Any]:
    """Return the metadata of an npz file, without reading its arrays; {} for files of other programs."""
    known = npz.array_names(path)
    name = metadata_name(known)
    if name not in known:
        return {}
    header = npz.read_header(path, name, objects=True)
    text = str(npz.load_array(path, name)) if header.dtype.kind == "U" and header.shape == () else ""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):  # an array or a text of that name from another program
        return {}
    return dict(content) if isinstance(content, dict) else {}


def make_folder(folder: Path) -> None:
    """Make a folder that may exist already; raises NotWritten when the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from None


def unfinished_shards(
    folder: Path, rows: Sequence[int], metadata: Mapping[str, Any], suffix: str = ".npz"
) -> list[int]:
    """Return which shards of `folder` still have to be written.

    Args:
        folder: folder of the shards; made when missing.
        rows: how many rows each shard will have.
        metadata: what every shard's metadata must contain with equal values.
        suffix: of the shards' names.

    Raises:
        UserError: the folder holds shards made with other options, or more of them than asked for; there is no shard
            of the number given to `only_shard`.
    """
    make_folder(folder)
    shard = _ONLY.get()
    if shard is not None and shard >= len(rows):
        expected = f"a number from 0 to {len(rows) - 1}"
        raise UserError(Problem("no such shard", ("--shard",), expected=expected, received=shard))
    chosen = range(len(rows)) if shard is None else range(shard, shard + 1)
    present = {path: read_metadata(path) for path in sorted(folder.glob(f"shard_*{suffix}"))}
    for path, stored in present.items():
        for name, value in json.loads(json.dumps(metadata)).items():
            if stored.get(name) != value:
                where, (expected, received) = first_difference(value, stored.get(name), name)
                what = "the folder holds shards made with other options; choose another folder or remove them"
                raise UserError(Problem(what, (str(path), *where), expected=repr(expected), received=received))
    wanted = {shard_path(folder, shard, suffix): shard for shard in range(len(rows))}
    surplus = [path.name for path in present if path not in wanted]
    if surplus:
        what = f"holds {len(present)} shards where {len(rows)} are asked for"
        raise UserError(Problem(what, (str(folder),), expected="another folder", received=surplus[0]))
    missing = [n for path, n in wanted.items() if n in chosen and present.get(path, {}).get("rows") != rows[n]]
    if len(missing) < len(chosen):
        log.info("%s: %d of %d shards exist already", folder, len(chosen) - len(missing), len(chosen))
    return missing


def first_difference(one: Any, other: Any, *where: str) -> tuple[tuple[str, ...], tuple[Any, Any]]:
    """Return the path to the first item in which two JSON values differ, and the two items."""
    if isinstance(one, dict) and isinstance(other, dict):
        name = next(key for key in [*one, *other] if one.get(key) != other.get(key))
        return first_difference(one.get(name), other.get(name), *where, name)
    return where, (one, other)


def identity_of(metadata: Mapping[str, Any], name: str) -> Any:
    """Return an entry of metadata to compare; a field map is identified by its content, wherever the file was."""
    if name == "field" and metadata.get("field_sha256") and isinstance(metadata.get("field"), Mapping):
        return {**metadata["field"], "file": metadata["field_sha256"]}
    return metadata.get(name)
