"""npz files: mapped where they are stored, whole or refused."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.files import npz

A = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.npz"


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_stored_arrays_are_mapped_and_equal(path):
    save(path, a=A, fortran=np.asfortranarray(A), keys=np.array([1, 2**64 - 1], np.uint64), text=np.array("metadata"))
    assert npz.array_names(path) == ["a", "fortran", "keys", "text"]
    for name in ("a", "fortran", "keys"):
        assert isinstance(npz.load_array(path, name), np.memmap)
    with np.load(path) as content:
        for name in content.files:
            found = npz.load_array(path, name)
            assert np.array_equal(found, content[name])
            assert found.dtype == content[name].dtype


def test_a_mapped_array_cannot_be_changed_by_accident(path):
    mapped = npz.load_array(save(path, a=A), "a")
    with pytest.raises(ValueError, match="read-only"):
        mapped[0, 0] = 7


def test_compressed_and_empty_arrays_are_read(path):
    np.savez_compressed(path, a=A, none=np.empty((0, 3)))
    assert np.array_equal(npz.load_array(path, "a"), A)
    assert npz.load_array(path, "none").shape == (0, 3)
    save(path, none=np.empty((0, 3)), one=np.array(3.5))
    assert npz.load_array(path, "none").shape == (0, 3)
    assert npz.load_array(path, "one") == 3.5


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(path, version):
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w") as member:
        np.lib.format.write_array(member, A, version)
    assert np.array_equal(npz.load_array(path, "a"), A)


def test_an_unknown_array_names_the_nearest(path):
    with pytest.raises(
        UserError, match=r"unknown array\. Did you mean 'X_plane'\? Expected one of \[X_plane, Y_true\]"
    ):
        npz.load_array(save(path, X_plane=A, Y_true=A), "X_plan")


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_truncated_file_is_refused(path, write, share):
    write(path, a=np.random.default_rng(1).random((100, 3)), b=A)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for use in (npz.array_names, lambda p: npz.load_array(p, "a"), lambda p: npz.fingerprint([p])):
        with pytest.raises(UserError, match="truncated or not an npz file") as caught:
            use(path)
        assert f"Received '{int(share * len(content))} bytes'" in str(caught.value)


def test_an_empty_missing_or_other_file_is_refused(path, tmp_path):
    path.write_bytes(b"")
    with pytest.raises(UserError, match="the file is empty"):
        npz.array_names(path)
    with pytest.raises(UserError, match=r"cannot be read \(No such file"):
        npz.array_names(tmp_path / "missing.npz")
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory"):
        npz.array_names(tmp_path)
    path.write_text("x,y\n1,2\n")
    with pytest.raises(UserError, match="truncated or not an npz file"):
        npz.array_names(path)


def test_a_damaged_compressed_array_is_refused(path):
    np.savez_compressed(path, a=np.random.default_rng(1).random(1000))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(UserError, match="the array 'a' cannot be read"):
        npz.load_array(path, "a")


def test_a_changed_byte_of_a_mapped_array_is_refused(path):
    """The file has its length, its headers and its checksums, and so the fingerprint of the good one."""
    content = bytearray(save(path, a=A).read_bytes())
    content[content.index(A.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"the array 'a' cannot be read \(Bad CRC-32 for file 'a.npy'\)"):
        npz.load_array(path, "a")


def test_a_damaged_header_of_a_mapped_array_is_refused(path):
    content = bytearray(save(path, a=A).read_bytes())
    content[content.index(b"\x93NUMPY") + 1] = 0
    path.write_bytes(content)
    with pytest.raises(UserError, match="the array 'a' cannot be read"):
        npz.load_array(path, "a")


def write_member(path, content, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a.npy", content)
        archive.writestr("b.npy", b"".join([b"\x93NUMPY\x01\x00", header_of(A.dtype.str, A.shape), A.tobytes()]))


def header_of(descr, shape):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode("latin1")
    return len(text).to_bytes(2, "little") + text


HOSTILE = {
    "more than there is": header_of("<f4", (10**12,)) + bytes(16),
    "less than there is": header_of("<f4", (2,)) + bytes(16),
    "a negative length": header_of("<f4", (-4,)) + bytes(16),
    "beyond 64 bits": header_of("<f4", (2**70, 0)),
    "an integer without end": header_of("<f4", ()).replace(b"()", b"9" * 5000),
    "brackets without end": header_of("<f4", ()).replace(b"()", b"(" * 300),
    "half a token": header_of("<f4", ()).replace(b"()", b'"""'),
    "another indentation": b"\x0b\x00  {}\n {}\n  ",
    "another type": header_of("<q9", (4,)) + bytes(16),
    "no bytes": b"",
}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_one_line(path, content, compression):
    write_member(path, b"\x93NUMPY\x01\x00" + content, compression)
    for read in (npz.load_array, npz.read_header, lambda p, n: npz.load_rows(p, n, 1)):
        with pytest.raises(UserError, match=r"the array 'a' cannot be read \("):
            read(path, "a")
    assert np.array_equal(npz.load_array(path, "b"), A)


def test_an_array_is_unpacked_up_to_a_size(path, monkeypatch):
    """Zeros of 8 MiB are 8 kB in the file; the first rows are read without the others."""
    np.savez_compressed(path, a=np.zeros((2**20, 2), np.float32), b=A)
    monkeypatch.setenv(npz.LIMIT, "0.007")
    expected = (
        "the array 'a' is not unpacked: it takes 0.00781 GiB. Expected at most 0.007 GiB, or a larger WIRECHAMBER"
    )
    with pytest.raises(UserError, match=expected):
        npz.load_array(path, "a")
    assert np.array_equal(npz.load_array(path, "b"), A)
    assert np.array_equal(npz.load_rows(path, "a", 3), np.zeros((3, 2)))
    assert npz.read_header(path, "a").shape == (2**20, 2)
    monkeypatch.setenv(npz.LIMIT, "0.008")
    assert npz.load_array(path, "a").shape == (2**20, 2)
    monkeypatch.setenv(npz.LIMIT, "much")
    with pytest.raises(UserError, match=r"WIRECHAMBER_LARGEST_ARRAY: not a size\. Expected a number of GiB"):
        npz.load_array(path, "a")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_the_first_rows_of_any_array(path, write):
    arrays = {"a": A, "fortran": np.asfortranarray(A), "scalar": np.array(7), "text": np.array(["x", "yz"])}
    write(path, **arrays)
    for name, array in arrays.items():
        for rows in (0, 1, 3, 9):
            assert np.array_equal(npz.load_rows(path, name, rows), array[:rows] if array.ndim else array)


class Bomb:
    """Pickled, it would make a folder when it is read."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_pickled_objects_are_refused_and_not_run(path, write, monkeypatch):
    monkeypatch.chdir(path.parent)
    write(path, a=np.array([Bomb()], object), b=A)
    with pytest.raises(UserError, match="the array 'a' holds pickled objects"):
        npz.load_array(path, "a")
    assert not (path.parent / "exploded").exists()
    assert np.array_equal(npz.load_array(path, "b"), A)


def test_members_that_are_no_arrays_are_left_out(path):
    save(path, a=A)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.txt", "not an array")
    assert npz.array_names(path) == ["a"]


def test_the_fingerprint_is_of_the_content_alone(path, tmp_path):
    first = npz.fingerprint([save(path, a=A)])
    os.utime(path, (1, 1))
    assert npz.fingerprint([path]) == first
    assert npz.fingerprint([save(tmp_path / "copy.npz", a=A)]) == first
    changed = A.copy()
    changed[3, 2] = np.nextafter(changed[3, 2], 100)
    others = [{"a": changed}, {"b": A}, {"a": A, "b": A}, {"a": A[:3]}]
    assert len({first, *(npz.fingerprint([save(path, **other)]) for other in others)}) == 5
