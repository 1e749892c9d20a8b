"""Damaged and hostile files in every loader: events or a clear error, in bounded time and memory."""

from __future__ import annotations

import resource
import signal
from functools import cache

import awkward as ak
import numpy as np
import pytest
import uproot

from app.core.errors import UserError
from app.physics.argon.detector import PEAK_OFFSET, channels_at
from app.physics.argon.planes import TICKS_PER_CM
from app.physics.xenon_calorimeter import SENSORS
from datasets import DATASETS
from datasets.muons.columns import STANDARD

SECONDS, BYTES = 20, 2**30
"""What one file may take: far more than any of these needs."""


def tracks():
    rng = np.random.default_rng(1)
    start = np.column_stack([rng.uniform(-0.2, 0.2, (20, 4)), np.full(20, 0.1), np.full(20, 5e3)])
    return {"X": start, "Y": start[:, :4] + 0.01, "P": np.full(20, 10.0), "key": np.arange(20, dtype=np.uint64)}


def track_branches():
    arrays = tracks()
    named = dict(zip(("x", "y", "tx", "ty", "qop", "dz"), arrays["X"].T, strict=True))
    named |= dict(zip(("true_x", "true_y", "true_tx", "true_ty"), arrays["Y"].T, strict=True))
    return named | {"p": arrays["P"], "key": np.arange(20)}


def planes():
    rng = np.random.default_rng(1)
    images = {f"images_{p}": rng.uniform(0, 400, (6, 128, 16)).astype(np.float32) for p in "uvx"}
    momentum = rng.normal(size=(6, 3)) * 0.01
    energy = np.sqrt((1e3 * np.linalg.norm(momentum, axis=1)) ** 2 + 0.511**2)
    flags = np.array([np.arange(6), np.ones(6), np.ones(6), np.arange(6) % 2]).T
    table = np.column_stack(
        [flags, rng.uniform(-300, 300, (6, 3)), momentum, energy, energy, np.full(6, 2), np.arange(6)]
    )
    return images | {"metadata": table.astype(np.float32), "match_ids": np.arange(6)}


def volumes():
    rng = np.random.default_rng(1)
    momentum = rng.normal(size=(5, 3)) * 0.01
    return {
        "plane": np.arange(20, dtype="u1") % 3, "row": np.arange(20, dtype="i2"), "column": np.arange(20, dtype="i2"),
        "value": rng.uniform(60, 500, 20).astype("f4"), "offsets": np.arange(6) * 4, "is_es": np.arange(5) % 2,
        "particle_energy": np.linalg.norm(momentum, axis=1), "main_track_momentum": momentum, "event": np.arange(5),
        "source_file": np.array(list("abcde")), "match_id": np.arange(5), "key": np.arange(5, dtype=np.uint64),
    }  # fmt: skip


def layers():
    rng = np.random.default_rng(1)
    return {"hits": rng.uniform(-1, 1, (8, 6)), "pt": rng.uniform(5, 50, 8), "charge": rng.choice([-1.0, 1.0], 8)}


def muons():
    hits = {f"spacePoint_{n}": ak.unflatten(np.arange(24.0), 4) for n in STANDARD[:-4]}
    truth = {"pt": 10.0 + np.arange(6), "eta": np.full(6, 0.5), "phi": np.full(6, 0.1), "q": np.ones(6)}
    return {**hits, **{f"truthMuon_{n}": ak.unflatten(v, 1) for n, v in truth.items()}, "eventNumber": np.arange(6)}


def photons():
    rng = np.random.default_rng(1)
    light = rng.uniform(0, 100, (3, SENSORS)).astype("f4")
    return {
        "npho": light, "relative_time": light * 1e-9, "emiAng": np.full((3, 2), 90.0), "energyTruth": np.full(3, 0.05),
        "timeTruth": np.zeros(3), "uvwTruth": np.ones((3, 3)), "nGamma": np.ones(3, "i4"), "run": np.arange(3),
        "event": np.arange(3),
    }  # fmt: skip


def primitives():
    points = np.array([-150.0, -300.0, 115.0]) + np.linspace(0, 4, 200)[:, None] * np.array([0.6, 0.48, 0.64])
    rows = []
    for plane, wires in enumerate(channels_at(points).T):
        for channel in np.unique(wires):
            x = float(np.abs(points[wires == channel, 0]).mean())
            rows.append((channel, 32 * (TICKS_PER_CM * x + PEAK_OFFSET[plane] - 4), x))
    channel, start, x = np.array(rows).T
    same = {"Run": 1, "SubRun": 0, "Event": 1, "samples_over_threshold": 9, "samples_to_peak": 4}
    same |= {"adc_integral": 900, "adc_peak": 300, "bt_edep": 1, "bt_primary_track_id": 1}
    named = {"channel": channel.astype(int), "time_start": start.astype(int), "bt_x": x}
    return named | {name: np.full(len(rows), value) for name, value in same.items()}


LAYERS = ("hits", "pt", "charge")
FAMILIES = {
    "tracks.npz": ("track_states", tracks, {}),
    "planes.npz": ("plane_images", planes, {}),
    "volumes.npz": ("volume_images", volumes, {}),
    "layers.npz": ("layered_hits", layers, {n: n for n in LAYERS} | {"prefixes": [""], "absent": -9.0}),
    "tracks.root": ("track_states", track_branches, {}),
    "muons.root": ("muon_hits", muons, {}),
    "photons.root": ("photon_sensors", photons, {}),
    "primitives.root": ("plane_images", primitives, {"without_momentum": "keep"}),
}  # fmt: skip
TREES = {
    "photons.root": "tree",
    "muons.root": "MuonHitDump",
    "primitives.root": "triggerAna/TriggerPrimitives/tpmakerTPC",
}


def write(path, arrays, compressed=False):
    """Write arrays as a real npz or TTree."""
    if path.suffix == ".npz":
        (np.savez_compressed if compressed else np.savez)(path, **arrays)
        return
    with uproot.recreate(path, compression=uproot.ZLIB(1) if compressed else None) as file:
        tree = TREES.get(path.name, "t")
        file.mktree(tree, {n: str(ak.type(ak.Array(v))).split(" * ", 1)[1] for n, v in arrays.items()}).extend(arrays)


@cache
def whole(name):
    """The arrays of a family's file."""
    return FAMILIES[name][1]()


def read(path):
    """All events of a file, or the error."""
    name, _, options = FAMILIES[path.name]
    try:
        return list(DATASETS.parse({"name": name, "files": [str(path)], **options}).build([path]))
    except UserError as error:
        return error


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
