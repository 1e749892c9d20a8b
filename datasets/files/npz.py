"""npz files as large as the disk: members that are stored uncompressed are mapped, not read."""

import hashlib
import json
import math
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from app.core.errors import Problem, UserError, unknown
from app.core.remote import refuse_url

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
LARGEST, LIMIT = 4.0, "WIRECHAMBER_LARGEST_ARRAY"
"""Size [GiB] to which a compressed array is unpacked, and the variable that says otherwise: 6 MB may hold 6 GB."""

MOST_ROWS = 2**40
"""No file holds so many events, but the header of an array without bytes may say so."""


class Header(NamedTuple):
    """What is known of an array before it is read; a compressed array can only be read as a whole."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compressed: bool
    fortran: bool


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays; raises UserError when the file is truncated, empty or no npz."""
    with open_archive(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def load_array(path: Path, name: str) -> Any:
    """Return the array `name` (mapped where it is stored uncompressed); raises UserError naming the nearest array."""
    header = read_header(path, name)
    with _reading(path, name), open_archive(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        if not header.compressed and info.file_size > 0:
            facts = path.stat()
            _check_sum(path, name, (facts.st_ino, facts.st_mtime_ns, facts.st_size))
            return _mapped(path, info)
        _check_size(path, name, info.file_size)
        with archive.open(info) as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
            member.read()  # what comes at the end is the check of the sum
            return array


def load_rows(path: Path, name: str, rows: int) -> Any:
    """Return the first rows of an array; the others are not unpacked, and their sum is not checked."""
    header = read_header(path, name)
    if header.fortran or not header.shape or rows >= header.shape[0]:
        return load_array(path, name)[:rows] if header.shape else load_array(path, name)
    shape = (rows, *header.shape[1:])
    with _reading(path, name), open_archive(path) as archive, archive.open(f"{name}.npy") as member:
        read_member_header(member)
        return np.frombuffer(member.read(math.prod(shape) * header.dtype.itemsize), header.dtype).reshape(shape)


def read_header(path: Path, name: str, objects: bool = False) -> Header:
    """Return shape and type of the array `name`; raises UserError naming the nearest array.

    Pickled objects are refused, and with `objects` described.
    """
    _require_array(path, name)
    with _reading(path, name), open_archive(path) as archive, archive.open(f"{name}.npy") as member:
        shape, fortran, dtype = read_member_header(member)
        info = archive.getinfo(f"{name}.npy")
        stated = member.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject and not objects:
        what = f"the array {name!r} holds pickled objects, which may run code when they are read"
        raise UserError(Problem(what, (str(path),), expected="an array of numbers"))
    if (stated != info.file_size and not dtype.hasobject) or max(shape, default=0) > MOST_ROWS:
        what = f"the array {name!r} cannot be read (its header contradicts its size)"
        expected = f"{stated} bytes for {dtype} {list(shape)}"
        raise UserError(Problem(what, (str(path),), expected=expected, received=f"{info.file_size} bytes"))
    return Header(shape, dtype, info.compress_type != zipfile.ZIP_STORED, fortran)


def load_numbers(path: Path, name: str, dimensions: Sequence[int] = (1,), kinds: str = "biuf") -> Any:
    """Return an array as `load_array` does; arguments and errors of `check_numbers`."""
    check_numbers(path, name, dimensions, kinds)
    return load_array(path, name)


def check_numbers(path: Path, name: str, dimensions: Sequence[int] = (1,), kinds: str = "biuf") -> Header:
    """Return shape and type of an array; raises UserError naming it where it has other dimensions, or no numbers.

    Args:
        path: the file.
        name: the array.
        dimensions: how many it may have.
        kinds: kinds of types in NumPy's letters.
    """
    header = read_header(path, name)
    if header.dtype.kind not in kinds or len(header.shape) not in dimensions:
        expected = f"{'integers' if kinds == 'iu' else 'numbers'} in {' or '.join(map(str, dimensions))} dimensions"
        what, received = "not the array that is meant", f"{header.dtype} {list(header.shape)}"
        raise UserError(Problem(what, (str(path), name), expected=expected, received=received))
    return header


@contextmanager
def _reading(path: Path, name: str) -> Iterator[None]:
    """Name the array that cannot be read: damaged bytes raise almost anything in zipfile, ast and NumPy."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise UserError(Problem(f"the array {name!r} cannot be read ({reason})", (str(path),))) from None


def _check_size(path: Path, name: str, size: int) -> None:
    text = os.environ.get(LIMIT, "")
    try:
        limit = float(text or LARGEST)
    except ValueError:
        raise UserError(Problem("not a size", (LIMIT,), expected="a number of GiB", received=text)) from None
    if size > limit * 2**30:
        what = f"the array {name!r} is not unpacked: it takes {size / 2**30:.3g} GiB"
        expected = f"at most {limit:g} GiB, or a larger {LIMIT}; uncompressed arrays have no limit"
        raise UserError(Problem(what, (str(path),), expected=expected))


def _require_array(path: Path, name: str) -> None:
    known = array_names(path)
    if name not in known:
        raise UserError(unknown("array", name, known, (str(path),)))


def fingerprint(paths: Sequence[Path], choice: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return a hash of the content of npz files, from the checksums that they carry themselves; no array is read.

    Args:
        paths: the files.
        choice: what a job says about the arrays to be read, where it is not the usual.
    """
    digest = hashlib.sha256(json.dumps(sorted(choice.items())).encode() if choice else b"")
    for path in paths:
        with open_archive(path) as archive:
            for info in archive.infolist():
                digest.update(f"{info.filename}:{info.CRC}:{info.file_size};".encode())
    return digest.hexdigest()[:16]


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open an npz; raises UserError when it cannot be read, is truncated, empty or of another kind."""
    refuse_url(str(path), (str(path),), "an npz file on a server is not read")
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise UserError(Problem(f"cannot be read ({error.strerror or error})", (str(path),))) from None
    except Exception as error:  # a damaged directory raises almost anything
        size = path.stat().st_size
        what = f"truncated or not an npz file ({error})" if size else "the file is empty"
        raise UserError(Problem(what, (str(path),), expected="a whole npz file", received=f"{size} bytes")) from None


@cache
def _check_sum(path: Path, name: str, _version: tuple[int, ...]) -> None:
    """Raise BadZipFile where a member is not what was written; once in a process, as nobody checks mapped bytes."""
    with open_archive(path) as archive, archive.open(f"{name}.npy") as member:
        while member.read(1 << 24):
            pass


def _mapped(path: Path, info: zipfile.ZipInfo) -> Any:
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        file.seek(header[-2] + header[-1], 1)
        shape, fortran, dtype = read_member_header(file)
        order: Literal["F", "C"] = "F" if fortran else "C"
        if 0 in shape or not shape:
            return np.fromfile(file, dtype, int(np.prod(shape))).reshape(tuple(shape), order=order)
        return np.memmap(path, dtype, "r", file.tell(), tuple(shape), order)


def read_member_header(file: Any) -> tuple[tuple[int, ...], bool, Any]:
    """Return shape, whether the order is Fortran's, and type of the array that an open member holds."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return tuple(shape), fortran, dtype
