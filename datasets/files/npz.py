"""npz files as large as the disk: members that are stored uncompressed are mapped, not read."""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from app.core.errors import Problem, UserError, unknown

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
UNREADABLE = (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error, struct.error)


class Header(NamedTuple):
    """What is known of an array before it is read; a compressed array can only be read as a whole."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compressed: bool


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays; raises UserError when the file is truncated, empty or no npz."""
    with open_archive(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def load_array(path: Path, name: str) -> Any:
    """Return the array `name` (mapped where it is stored uncompressed); raises UserError naming the nearest array."""
    _require_array(path, name)
    try:
        with open_archive(path) as archive:
            info = archive.getinfo(f"{name}.npy")
            if info.compress_type == zipfile.ZIP_STORED and info.file_size > 0:
                facts = path.stat()
                _check_sum(path, name, (facts.st_ino, facts.st_mtime_ns, facts.st_size))
                return _mapped(path, info)
        with np.load(path, allow_pickle=False) as content:
            return content[name]
    except UNREADABLE as error:
        raise UserError(Problem(f"the array {name!r} cannot be read ({error})", (str(path),))) from None


def read_header(path: Path, name: str) -> Header:
    """Return shape and type of the array `name`; raises UserError naming the nearest array, or that it is pickled."""
    _require_array(path, name)
    try:
        with open_archive(path) as archive, archive.open(f"{name}.npy") as member:
            shape, _, dtype = read_member_header(member)
            compressed = archive.getinfo(f"{name}.npy").compress_type != zipfile.ZIP_STORED
    except UNREADABLE as error:
        raise UserError(Problem(f"the array {name!r} cannot be read ({error})", (str(path),))) from None
    if dtype.hasobject:
        what = f"the array {name!r} holds pickled objects, which may run code when they are read"
        raise UserError(Problem(what, (str(path),), expected="an array of numbers"))
    return Header(shape, dtype, compressed)


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
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise UserError(Problem(f"cannot be read ({error.strerror or error})", (str(path),))) from None
    except zipfile.BadZipFile as error:
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
        if dtype.hasobject:
            raise ValueError("it holds pickled objects, which may run code when they are read")
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
