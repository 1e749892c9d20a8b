"""Joining shards into one file: only what belongs together, and verified."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, WirechamberError
from app.core.files import write_bytes
from datasets.files import root
from datasets.files.shards import (
    BESIDE,
    METADATA,
    first_difference,
    make_folder,
    metadata_name,
    metadata_of,
    open_shard,
)

SAME = ("dataset", "generator_version", "units", "field", "z_start", "z_end", "dz", "frame")
"""What the metadata of shards must agree in; sampling ranges, seeds and numbers of steps may differ."""
SUMMED = ("rows", "tried", "outside_field_map")

Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Type and shape of one event for each array."""


def merge(files: Sequence[Path], out: Path, resume: bool = False) -> None:
    """Join shards into one npz with one array of one shard in memory at a time, and verify what was written.

    Args:
        files: npz files written by `wirechamber simulate` or `merge`, in the order of the result.
        out: the file to write; it must not exist.
        resume: it may, if it holds just what would be written.

    Raises:
        UserError: no files, a damaged one, `out` exists, row counts that contradict the metadata, different units,
            fields, z or arrays, events that occur twice.
        WirechamberError: the disk is full, or what was written does not read back.
    """
    if not files:
        raise UserError(Problem("no files to merge", expected="at least one"))
    for path in files:
        if root.is_root(path):
            expected = "npz shards; a dataset reads any number of ROOT files as they are"
            raise UserError(Problem("a ROOT file is not merged", (str(path),), expected=expected))
    if out.exists() and not resume:
        raise UserError(Problem("exists already", (str(out),), expected="a new file"))
    layouts, parts = zip(*map(_inspected, files), strict=True)
    for path, layout, metadata in zip(files[1:], layouts[1:], parts[1:], strict=True):
        _require_same(files[0], path, "arrays", _jsonable(layouts[0]), _jsonable(layout))
        for name in SAME:
            _require_same(files[0], path, name, _identity(parts[0], name), _identity(metadata, name))
    _require_unique(files)
    rows = sum(metadata["rows"] for metadata in parts)
    if out.exists():
        _require_equal(out, layouts[0], _joined(parts))
        return
    make_folder(out.parent)
    write_bytes(out, lambda file: _write(file, files, layouts[0], rows, _joined(parts)))
    _verify(out, layouts[0], rows)


def _require_equal(out: Path, layout: Layout, metadata: Mapping[str, Any]) -> None:
    found = _inspected(out)
    if found != (layout, json.loads(json.dumps(metadata))):
        raise UserError(Problem("exists already with other content", (str(out),), expected="a new file"))


def _inspected(path: Path) -> tuple[Layout, dict[str, Any]]:
    """Return layout and metadata of a shard whose arrays all have the stated number of rows."""
    with open_shard(path) as content:
        metadata = metadata_of(content, path)
        shapes = {name: _header(content, name) for name in content.files if name != metadata_name(content.files)}
    if "offsets" in shapes:
        raise UserError(Problem("holds sparse images, which are not merged", (str(path),), expected="dense arrays"))
    for name, (_, shape) in shapes.items():
        if shape[0] != metadata["rows"]:
            expected = f"{metadata['rows']} rows as its metadata say"
            raise UserError(
                Problem(f"array {name} has another number of rows", (str(path),), expected=expected, received=shape[0])
            )
    return {name: (dtype, shape[1:]) for name, (dtype, shape) in shapes.items()}, metadata


def _header(content: Any, name: str) -> tuple[str, tuple[int, ...]]:
    """Return type and shape of an array of an open npz without reading its values."""
    with content.zip.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
    return dtype.str, shape


def _identity(metadata: Mapping[str, Any], name: str) -> Any:
    """A field map is known by its content, wherever the file lay."""
    if name != "field" or not metadata.get("field_sha256"):
        return metadata.get(name)
    return {**metadata["field"], "file": metadata["field_sha256"]}


def _jsonable(layout: Layout) -> Any:
    return json.loads(json.dumps(layout))


def _require_same(first: Path, path: Path, name: str, one: Any, other: Any) -> None:
    if one != other:
        where, (expected, received) = first_difference(one, other, name)
        what = f"cannot be merged with {first}: {'.'.join(where)} differs"
        raise UserError(Problem(what, (str(path),), expected=f"{expected!r}", received=received))


def _require_unique(files: Sequence[Path]) -> None:
    every = np.sort(np.concatenate([_array(path, "key") for path in files]))
    twice = every[1:][every[1:] == every[:-1]]
    if len(twice):
        found = [str(path) for path in files for _ in range(int((_array(path, "key") == twice[0]).sum()))]
        raise UserError(
            Problem(f"{len(twice)} events occur twice, e.g. key {twice[0]}", (f"{found[0]} and {found[1]}",))
        )


def _array(path: Path, name: str) -> NDArray[Any]:
    with open_shard(path) as content:
        if name not in content.files:
            raise UserError(
                Problem(f"has no {name}", (str(path),), expected="a file written by 'wirechamber simulate'")
            )
        array: NDArray[Any] = content[name]
    return array


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the metadata of the whole: what all agree in, sums of the counts, the seeds."""
    whole = {name: value for name, value in parts[0].items() if all(part.get(name) == value for part in parts)}
    for name in SUMMED:
        whole[name] = sum(part.get(name, 0) for part in parts)
    whole["rejected"] = dict(sum((Counter(part.get("rejected", {})) for part in parts), Counter()))
    whole["momentum_bins"] = _joined_bins([entry for part in parts for entry in part.get("momentum_bins", [])])
    whole["seeds"] = sorted({seed for part in parts for seed in part.get("seeds", [part.get("seed")])})
    return {name: value for name, value in whole.items() if name != "shard"}


def _joined_bins(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    ranges = sorted({tuple(entry["range"]) for entry in entries})
    return [{"range": list(r)} | {count: _sum(entries, r, count) for count in ("tried", "survived")} for r in ranges]


def _sum(entries: Sequence[Mapping[str, Any]], interval: tuple[float, ...], count: str) -> int:
    return sum(entry[count] for entry in entries if tuple(entry["range"]) == interval)


def _write(file: BinaryIO, files: Sequence[Path], layout: Layout, rows: int, metadata: Mapping[str, Any]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, (dtype, shape) in layout.items():
            header = {"descr": dtype, "fortran_order": False, "shape": (rows, *shape)}
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                for path in files:
                    member.write(np.ascontiguousarray(_array(path, name)).data)
        with archive.open(f"{BESIDE if METADATA in layout else METADATA}.npy", "w") as member:
            np.lib.format.write_array(member, np.array(json.dumps(metadata)))


def _verify(out: Path, layout: Layout, rows: int) -> None:
    """Read everything back: checksums, types and numbers of rows; a file that fails is removed."""
    try:
        with zipfile.ZipFile(out) as archive:
            damaged = archive.testzip()
        found, metadata = _inspected(out)
    except (OSError, zipfile.BadZipFile, UserError) as error:
        damaged, found, metadata = str(error), {}, {}
    if damaged or found != layout or metadata.get("rows") != rows:
        out.unlink(missing_ok=True)
        raise WirechamberError(str(Problem(f"does not read back as it was written ({damaged or 'rows'})", (str(out),))))
