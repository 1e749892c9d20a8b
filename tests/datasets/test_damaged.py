"""Damaged and hostile files in every loader: events or a clear error, in bounded time and memory."""

from __future__ import annotations

import resource
import signal
from functools import cache

import awkward as ak
import numpy as np
import pytest
from loader_files import FAMILIES, read, write

from app.core.errors import UserError

SECONDS, BYTES = 20, 2**30
"""What one file may take: far more than any of these needs."""


@cache
def whole(name):
    """The arrays of a family's file."""
    return FAMILIES[name][1]()


def change_bytes(rng, content):
    """Change, cut out, repeat, or cut off some bytes."""
    content = bytearray(content)
    first = int(rng.integers(len(content)))
    length = int(rng.integers(1, 40))
    kind = rng.integers(5)
    if kind == 0:
        for place in rng.integers(0, len(content), length):
            content[place] = rng.integers(256)
    elif kind == 1:
        content[first : first + length] = bytes(rng.choice([0, 255], 1).astype("u1")) * length
    elif kind == 2:
        del content[first : first + length]
    elif kind == 3:
        content[first:first] = content[first : first + length]
    else:
        del content[first:]
    return bytes(content)


TYPES = ("?", "i1", "u8", "f2", "f8", "g", "c16", "M8[s]", "m8[s]", "U3", "S3", "V4", "O", [("a", "f4"), ("b", "f4")])
VALUES = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30, -1e30, 1e308, 2.0**63, 0.5, 255.0)


def change_array(rng, array):
    """Give an array another type, shape or value."""
    kind = rng.integers(3)
    if kind == 0:
        dtype = np.dtype(TYPES[rng.integers(len(TYPES))])
        with np.errstate(all="ignore"):
            return (
                array.astype("f8").astype("i8").astype(dtype)
                if array.dtype.kind in "biuf"
                else np.zeros(array.shape, dtype)
            )
    if kind == 1:
        shapes = (
            array[:-1],
            array[:0],
            array[None],
            array[..., None],
            array.T,
            array.ravel(),
            array.reshape(-1)[0],
            array[:1],
        )
        return np.asarray(shapes[rng.integers(len(shapes))])
    array = array.astype("f8") if array.dtype.kind in "biuf" else np.zeros(array.shape)
    where = rng.random(array.shape) < rng.choice([0.1, 1.0])
    return np.where(where, VALUES[rng.integers(len(VALUES))], array)


def change_branch(rng, values):
    """Give a branch another type, shape or value, of those that a ROOT file may have."""
    flat = ak.to_numpy(ak.flatten(ak.Array(values), axis=None))
    kind = rng.integers(3)
    if kind == 0:
        flat = flat.astype(rng.choice(["?", "i1", "u8", "f8", "f4"]))
    elif kind == 1:
        value = VALUES[rng.integers(len(VALUES))]
        flat = np.where(rng.random(len(flat)) < rng.choice([0.1, 1.0]), value, flat.astype("f8"))
    elif isinstance(values, np.ndarray):
        shapes = (
            values.reshape(len(values), -1)[:, :1],
            np.repeat(values[:, None], 2, 1),
            ak.unflatten(values.reshape(len(values), -1)[:, 0], 1),
        )
        return shapes[rng.integers(3)]
    else:
        return flat[: len(values)]
    return flat.reshape(values.shape) if isinstance(values, np.ndarray) else ak.unflatten(flat, ak.num(values))


def damage(rng, path):
    """Write the family's file with something wrong in it."""
    arrays = dict(whole(path.name))
    if rng.random() < 0.5:
        name = list(arrays)[rng.integers(len(arrays))]
        arrays[name] = (change_array if path.suffix == ".npz" else change_branch)(rng, arrays[name])
        write(path, arrays, rng.random() < 0.5)
    else:
        write(path, arrays, rng.random() < 0.5)
        path.write_bytes(change_bytes(rng, path.read_bytes()))


def check(path):
    """The file gives finite inputs and as many columns as events, or an error of lines, in bounded time and memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"{path} takes more than {SECONDS} s"))
    signal.alarm(SECONDS)
    try:
        found = read(path)
    finally:
        signal.alarm(0)
    assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < BYTES
    if isinstance(found, UserError):
        assert found.problems
        return "refused"
    for events in found:
        for name, values in {**events.inputs, **events.columns}.items():
            assert len(values) == len(events), name
            assert getattr(values, "dtype", np.dtype("f4")).kind in "fiub", name
    return "read"


@pytest.mark.parametrize("name", FAMILIES)
def test_the_whole_files_are_read(tmp_path, name):
    write(tmp_path / name, whole(name))
    found = read(tmp_path / name)
    assert not isinstance(found, UserError), found
    assert sum(map(len, found)) > 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("first", "last"), [pytest.param(0, 6, id="few"), pytest.param(6, 200, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", FAMILIES)
def test_damaged_files_are_read_or_refused(tmp_path, name, first, last):
    kinds = []
    for seed in range(first, last):
        damage(np.random.default_rng(seed), tmp_path / name)
        kinds.append(check(tmp_path / name))
    assert "refused" in kinds
