"""Joining shards into one file: only what belongs together, and verified."""

import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from app.core.errors import Problem, UserError, WirechamberError
from app.core.files import write_bytes
from datasets.files import npz, root
from datasets.files.shards import (
    BESIDE,
    METADATA,
    first_difference,
    identity_of,
    make_folder,
    metadata_name,
    read_metadata,
)

SAME = ("dataset", "generator_version", "units", "field", "z_start", "z_end", "dz", "frame")
"""Keys in which the metadata of shards must agree; sampling ranges, seeds and numbers of steps may differ."""
SUMMED = ("rows", "tried", "outside_field_map")
Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Type and shape of one event for each array."""


def merge(files: Sequence[Path], out: Path, resume: bool = False) -> None:
    """Join shards into one npz with one array of one shard in memory at a time, and verify what was written.

    Args:
        files: npz files written by `wirechamber simulate` or `merge`, in the order of the result.
        out: the file to write; it must not exist.
        resume: accept that it exists if it holds exactly what would be written.

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
    layouts, parts = zip(*map(inspect_shard, files), strict=True)
    for path, layout, metadata in zip(files[1:], layouts[1:], parts[1:], strict=True):
        compared = {"arrays": [json.loads(json.dumps(one)) for one in (layouts[0], layout)]}
        compared |= {name: [identity_of(parts[0], name), identity_of(metadata, name)] for name in SAME}
        for name, (one, other) in compared.items():
            if one != other:
                where, (expected, received) = first_difference(one, other, name)
                what = f"cannot be merged with {files[0]}: {'.'.join(where)} differs"
                raise UserError(Problem(what, (str(path),), expected=f"{expected!r}", received=received))
    check_unique(files)
    rows, metadata = sum(metadata["rows"] for metadata in parts), merge_metadata(parts)
    if out.exists():
        if inspect_shard(out) != (layouts[0], json.loads(json.dumps(metadata))):
            raise UserError(Problem("exists already with other content", (str(out),), expected="a new file"))
        return
    make_folder(out.parent)
    write_bytes(out, lambda file: write_arrays(file, files, layouts[0], rows, metadata))
    verify(out, layouts[0], rows)


def inspect_shard(path: Path) -> tuple[Layout, dict[str, Any]]:
    """Return layout and metadata of a shard whose arrays all have the stated number of rows."""
    metadata, known = read_metadata(path), npz.array_names(path)
    headers = {name: npz.read_header(path, name) for name in known if name != metadata_name(known)}
    if "offsets" in headers:
        raise UserError(Problem("holds sparse images, which are not merged", (str(path),), expected="dense arrays"))
    rows = metadata.get("rows")
    for name, header in headers.items():
        if header.shape[:1] != (rows,):
            what, expected = f"array {name} has another number of rows", f"{rows} rows as its metadata say"
            raise UserError(Problem(what, (str(path),), expected=expected, received=list(header.shape)))
    return {name: (header.dtype.str, header.shape[1:]) for name, header in headers.items()}, metadata


def check_unique(files: Sequence[Path]) -> None:
    """Refuse shards that have events in common."""
    keys = [npz.load_array(path, "key") for path in files]
    every = np.sort(np.concatenate(keys))
    twice = every[1:][every[1:] == every[:-1]]
    if len(twice):
        places = [str(path) for path, key in zip(files, keys, strict=True) for _ in range(int((key == twice[0]).sum()))]
        what = f"{len(twice)} events occur twice, e.g. key {twice[0]}"
        raise UserError(Problem(what, (f"{places[0]} and {places[1]}",)))


def merge_metadata(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the metadata of the merged file: what all parts agree in, sums of the counts, the seeds."""
    merged = {name: value for name, value in parts[0].items() if all(part.get(name) == value for part in parts)}
    for name in SUMMED:
        merged[name] = sum(part.get(name, 0) for part in parts)
    merged["rejected"] = dict(sum((Counter(part.get("rejected", {})) for part in parts), Counter()))
    bins: dict[tuple[float, ...], Counter[str]] = {}
    for entry in (entry for part in parts for entry in part.get("momentum_bins", [])):
        count = bins.setdefault(tuple(entry["range"]), Counter(tried=0, survived=0))
        count.update(tried=entry["tried"], survived=entry["survived"])
    merged["momentum_bins"] = [{"range": list(interval)} | dict(bins[interval]) for interval in sorted(bins)]
    merged["seeds"] = sorted({seed for part in parts for seed in part.get("seeds", [part.get("seed")])})
    return {name: value for name, value in merged.items() if name != "shard"}


def write_arrays(file: BinaryIO, files: Sequence[Path], layout: Layout, rows: int, metadata: Mapping[str, Any]) -> None:
    """Write the arrays of all shards one after the other into an npz, and the metadata."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, (dtype, shape) in layout.items():
            header = {"descr": dtype, "fortran_order": False, "shape": (rows, *shape)}
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                for path in files:
                    member.write(np.ascontiguousarray(npz.load_array(path, name)).data)
        with archive.open(f"{BESIDE if METADATA in layout else METADATA}.npy", "w") as member:
            np.lib.format.write_array(member, np.array(json.dumps(metadata)))


def verify(out: Path, layout: Layout, rows: int) -> None:
    """Read everything back: checksums, types and numbers of rows; a file that fails is removed."""
    try:
        with zipfile.ZipFile(out) as archive:
            damaged = archive.testzip()
        stored, metadata = inspect_shard(out)
    except (OSError, zipfile.BadZipFile, UserError) as error:
        damaged, stored, metadata = str(error), {}, {}
    if damaged or stored != layout or metadata.get("rows") != rows:
        out.unlink(missing_ok=True)
        raise WirechamberError(str(Problem(f"does not read back as it was written ({damaged or 'rows'})", (str(out),))))
