"""Numbers of every type through every loader: what goes in comes out, or an error names the column."""

from __future__ import annotations

import awkward as ak
import numpy as np
import uproot
from drawn import examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.core.errors import UserError
from app.physics.xenon_calorimeter import SENSORS
from app.predictions import Predictions
from datasets import DATASETS
from datasets.muons.columns import STANDARD
from datasets.pipeline.event_keys import hash_rows
from datasets.pipeline.events import Events

INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i8", ">u4", ">u8")
FLOATS = ("f2", "f4", "f8", "g", ">f4", ">f8")
NATIVE = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
"""What ROOT has: bytes have no order there."""
ROWS = 5
EXTREME = (1764000000000000025, 2**53 + 1, 2**63 - 1, 2**64 - 1)


def columns_of(kinds, rows=ROWS):
    """Draw a column: any values of any of the types, and those at the edges of each more often."""

    def values(kind):
        dtype = np.dtype(kind)
        if dtype.kind == "b":
            return hnp.arrays(dtype, rows)
        if dtype.kind == "f":
            largest = float(np.finfo("f8" if kind == "g" else dtype).max)
            some = st.sampled_from([np.nan, np.inf, -np.inf, -0.0, largest, 2.0**53, 1e300]) | st.floats(-1e4, 1e4)
            with np.errstate(over="ignore"):
                return st.lists(some, min_size=rows, max_size=rows).map(lambda v: np.array(v, "f8").astype(dtype))
        least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        edges = [v for v in (least, -1, 0, 1, *EXTREME, most - 1, most) if least <= v <= most]
        some = st.sampled_from(edges) | st.integers(least, most)
        return st.lists(some, min_size=rows, max_size=rows).map(lambda v: np.array(v, dtype))

    return st.sampled_from(kinds).flatmap(values)


def load(name, path, **options):
    """Return all events of a file; or the text of the error."""
    try:
        return Events.concatenate(list(DATASETS.parse({"name": name, "files": [str(path)], **options}).build([path])))
    except UserError as error:
        return str(error)


def same(found, given):
    """Whether numbers are equal, each as float32 where it has a fraction or is no integer column."""
    if found.dtype.kind in "iu":
        return found.tolist() == given.tolist()
    single = given.astype(np.float32)
    return np.array_equal(found, single, equal_nan=True) and (np.signbit(found) == np.signbit(single))[found == 0].all()


def tracks(rows):
    rng = np.random.default_rng(1)
    start = rng.uniform(-0.2, 0.2, (rows, 6))
    start[:, 4:] = [0.1, 5e3]
    return start, start[:, :4] + 0.01, np.full(rows, 10.0)


@examples(20, 300, values=columns_of((*INTEGERS, *FLOATS, "?")))
def test_a_momentum_of_tracks_in_npz(tmp_path, values):
    """The median of |q/p| p is 1 in 20 rows, whatever 5 of them are."""
    start, end, p = tracks(20)
    with np.errstate(over="ignore", invalid="ignore"):
        p = p.astype(values.dtype)
    p[:ROWS] = values
    np.savez(tmp_path / "a.npz", X=start, Y=end, P=p)
    found = load("track_states", tmp_path / "a.npz")
    if isinstance(found, str):
        with np.errstate(over="ignore"):
            assert values.dtype.kind == "b" or not np.isfinite(values.astype(np.float32)).all()
        assert "'p'" in found or "a.npz.p: " in found
    else:
        assert same(found.columns["p"], p)


@examples(20, 300, values=columns_of((*NATIVE, "f4", "f8", "?")), column=st.sampled_from(["x", "ty", "true_x", "key"]))
def test_a_branch_or_column_of_tracks_in_root(tmp_path, values, column):
    start, end, _ = tracks(ROWS)
    names = ("x", "y", "tx", "ty", "qop", "dz")
    branches = {n: start[:, i] for i, n in enumerate(names)} | {f"true_{n}": end[:, i] for i, n in enumerate(names[:4])}
    branches[column] = values
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("t", {n: v.dtype for n, v in branches.items()}).extend(branches)
    found = load("track_states", tmp_path / "a.root")
    if isinstance(found, str):
        assert column in found or (column == "key" and "duplicates" in found and len(set(values.tolist())) < ROWS)
    elif column == "key":
        assert found.key.tolist() == [int(v) % 2**64 for v in values]
    else:
        place = {"x": found.inputs["state"][:, 0], "ty": found.inputs["state"][:, 3], "true_x": found.columns["x"]}
        assert same(place[column], values)


def muon_branches():
    hits = {f"spacePoint_{n}": ak.unflatten(np.arange(4.0 * ROWS), 4) for n in STANDARD[:-4]}
    truth = {"pt": 10.0 + np.arange(ROWS), "eta": np.full(ROWS, 0.5), "phi": np.full(ROWS, 0.1), "q": np.ones(ROWS)}
    return {**hits, **{f"truthMuon_{n}": ak.unflatten(v, 1) for n, v in truth.items()}, "eventNumber": np.arange(ROWS)}


@examples(15, 150, event=columns_of(NATIVE), run=columns_of((*NATIVE, "?")), pt=columns_of(("f4", "f8", "i4", "u8")))
def test_numbers_of_events_and_truth_of_muons(tmp_path, event, run, pt):
    branches = muon_branches() | {"eventNumber": event, "runNumber": run, "truthMuon_pt": ak.unflatten(pt, 1)}
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("MuonHitDump", branches)
    found = load("muon_hits", tmp_path / "a.root", on_invalid="drop", min_pt=0.0)
    twice = len(set(zip(event.tolist(), run.tolist(), strict=True))) < ROWS
    size = np.abs(pt.astype(np.float64))
    if isinstance(found, str):  # p and q/pt, which follow from it, may be out of range before pt is
        extreme = np.isfinite(size) & ((size > 1e37) | ((size > 0) & (size < 1e-37)))
        assert ("duplicates" in found and twice) or ("do not fit float32" in found and extreme.any())
        return
    good = np.isfinite(pt) & (pt > 0)
    assert found.columns["event"].tolist() == event[good].tolist()
    assert found.columns["run"].tolist() == run[good].tolist()
    assert same(found.columns["pt"], pt[good])
    assert len(np.unique(found.key)) == len(found)


@examples(
    20,
    300,
    values=columns_of((*INTEGERS, *FLOATS, "?")),
    column=st.sampled_from(["event", "match_id", "cluster_energy", "key"]),
)
def test_metadata_of_volume_images(tmp_path, values, column):
    np.savez(tmp_path / "a.npz", **volumes() | {column: values})
    found = load("volume_images", tmp_path / "a.npz", without_momentum="keep")
    if isinstance(found, str):
        assert column in found
    elif column == "key":
        assert found.key.tolist() == [int(v) % 2**64 for v in values]
    elif column == "cluster_energy":
        assert same(found.columns[column], values * 1e-3)
    else:
        assert found.columns[column].tolist() == values.tolist()
        assert len(np.unique(found.key)) == (len(set(values.tolist())) if column == "event" else ROWS)


@examples(20, 300, values=columns_of((*INTEGERS, *FLOATS)), column=st.sampled_from(["hits", "pt", "charge"]))
def test_layers_of_muons(tmp_path, values, column):
    arrays = {"hits": np.ones((ROWS, 3)), "pt": np.full(ROWS, 10.0), "charge": np.ones(ROWS)}
    arrays[column] = np.repeat(values[:, None], 3, 1) if column == "hits" else values
    np.savez(tmp_path / "a.npz", **arrays)
    options = {"hits": "hits", "pt": "pt", "charge": "charge", "prefixes": [""], "absent": -99.0, "min_hits": 1}
    found = load("layered_hits", tmp_path / "a.npz", **options)
    if isinstance(found, str):
        assert {"hits": "values", "pt": "momenta", "charge": "charges"}[column] in found or column in found
    else:
        whole = found.inputs["layers"][:, 0, 0] if column == "hits" else found.columns[column]
        assert same(whole, values)


@examples(15, 300, values=columns_of((*INTEGERS, *FLOATS, "?")))
def test_pixels_of_volume_images(tmp_path, values):
    """Each event has one pixel: where it is not above 0, there is no charge."""
    np.savez(tmp_path / "a.npz", **volumes() | {"value": values})
    found = load("volume_images", tmp_path / "a.npz", without_momentum="keep")
    if isinstance(found, str):
        assert "a.npz.value: " in found or "no image has a charge above 0" in found
    else:
        lit = values.astype(np.float64) > 0
        assert same(np.asarray(found.inputs["volume"]).sum(axis=(1, 2, 3)), values[lit])
        assert same(found.columns["charge_u"], values[lit])


@examples(
    15,
    300,
    values=columns_of((*INTEGERS, *FLOATS, "?")),
    column=st.sampled_from(["images", "apa", "face", "key", "neutrino_momentum"]),
)
def test_pixels_and_columns_of_plane_images(tmp_path, values, column):
    arrays = planes() | ({} if column in ("images", "neutrino_momentum") else {column: values})
    if column == "images":
        arrays["images"] = np.ones((ROWS, 128, 16), values.dtype)
        arrays["images"][:, 0, 0] = values
    elif column == "neutrino_momentum":
        arrays[column] = np.repeat(values[:, None], 3, 1)
    np.savez(tmp_path / "a_planeX.npz", **arrays)
    found = load("plane_images", tmp_path / "a_planeX.npz", planes=["x"])
    if isinstance(found, str):
        assert f"a_planeX.npz.{column}: " in found or "of plane X are" in found or "'neutrino_x'" in found
    elif column == "images":
        assert same(found.inputs["plane_x"][:, 0, 0], values)
        assert (found.inputs["plane_x"][:, 1:] == 1).all()
    elif column == "key":
        assert found.key.tolist() == [int(v) % 2**64 for v in values]
    elif column == "neutrino_momentum":
        assert same(found.columns["neutrino_x"], values)
    else:
        assert np.array_equal(found.columns[column], values, equal_nan=values.dtype.kind == "f")


def volumes():
    return {
        "plane": np.zeros(ROWS, "u1"), "row": np.arange(ROWS, dtype="i2"), "column": np.arange(ROWS, dtype="i2"),
        "value": np.arange(60.0, 60 + ROWS), "offsets": np.arange(ROWS + 1), "is_es": np.ones(ROWS, "i1"),
        "particle_energy": np.full(ROWS, 0.01), "event": np.arange(ROWS),
    }  # fmt: skip


def planes():
    """Electrons at rest but one MeV, which agrees with their momenta, in metadata of 14 columns."""
    table = np.zeros((ROWS, 14))
    table[:, 0], table[:, 1:4] = np.arange(ROWS), 1.0
    table[:, 9], table[:, 10:12], table[:, 12], table[:, 13] = 0.01, 10.013, 2, np.arange(ROWS)
    return {"images": np.ones((ROWS, 128, 16)), "metadata": table}


@examples(
    6,
    150,
    values=columns_of((*NATIVE, "f4", "f8", "?")),
    column=st.sampled_from(["npho", "relative_time", "energyTruth", "timeTruth", "nGamma", "run", "event"]),
)
def test_readings_truth_and_numbers_of_photon_sensors(tmp_path, values, column):
    light = np.full((ROWS, SENSORS), 10.0) + np.arange(ROWS)[:, None]
    arrays = {"npho": light, "relative_time": light * 1e-9, "run": np.arange(ROWS), "event": np.arange(ROWS)}
    arrays |= {"energyTruth": np.full(ROWS, 0.05), "timeTruth": np.zeros(ROWS), "nGamma": np.ones(ROWS, "i4")}
    names = {"energyTruth": "energy", "timeTruth": "time", "nGamma": "n_gamma"}
    if arrays[column].ndim == 2:
        arrays[column] = light.astype(values.dtype)
        arrays[column][:, 0] = values
    else:
        arrays[column] = values
    with uproot.recreate(tmp_path / "a.root") as file:
        layout = {name: (v.dtype, v.shape[1:]) if v.ndim > 1 else v.dtype for name, v in arrays.items()}
        file.mktree("tree", layout).extend(arrays)
    found = load("photon_sensors", tmp_path / "a.root", empty="keep", time_threshold=0.0)
    if isinstance(found, str):
        assert column in found or names.get(column, column) in found or "duplicates" in found
    elif column in ("run", "event"):
        assert len(np.unique(found.key)) == ROWS
    elif column in names:
        assert same(found.columns[names[column]], values)
    else:
        valid = np.abs(values.astype(np.float64)) <= 9e9
        assert same(found.inputs["sensors"][valid, 0, int(column != "npho")], values[valid])


@examples(50, 500, values=columns_of((*INTEGERS, *FLOATS, "?")))
def test_further_columns_of_predictions(tmp_path, values):
    none = {"x": np.zeros(ROWS)}
    Predictions(np.arange(ROWS, dtype=np.uint64), none, none, {}, {"a": values, "b": values}).write(tmp_path / "p.csv")
    found = Predictions.read(tmp_path / "p.csv").columns["a"]
    expected = values.astype(np.float64) if values.dtype == np.dtype("g") else values
    single = values.dtype.kind == "f" and np.array_equal(expected.astype("f4"), expected, equal_nan=True)
    assert np.array_equal(found.astype("f4") if single else found, expected, equal_nan=values.dtype.kind == "f")
    assert values.dtype.kind == "f" or found.tolist() == [int(v) for v in values]


@examples(50, 500, values=columns_of((*INTEGERS, *FLOATS)))
def test_keys_differ_where_the_values_do(tmp_path, values):
    assert len(np.unique(hash_rows([values]))) == len(np.unique(values))
