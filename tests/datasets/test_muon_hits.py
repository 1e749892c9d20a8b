"""Muon hits from small ROOT trees: features, truth, choice of muons and hits, cuts, batches."""

from __future__ import annotations

import hashlib
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from datasets import DATASETS
from datasets.muons.columns import STANDARD
from datasets.pipeline.batches import ordered_batches, shuffled_batches
from datasets.pipeline.events import Events
from datasets.pipeline.options import DatasetOptions
from datasets.pipeline.split import split

BRANCHES = [name for name in STANDARD if name not in ("r", "s", "theta", "phi")]


def content(events=40, muons=None, most=12):
    """Return branches of a tree: whole numbers and lengths from a random generator, one hit in five is noise."""
    random = np.random.default_rng(events)
    muons = np.ones(events, int) if muons is None else np.asarray(muons)
    hits = random.integers(4, most, events)
    total, every = int(hits.sum()), int(muons.sum())
    found = {f"spacePoint_{n}": ak.unflatten(random.normal(0, 3e3, total).astype(np.float32), hits) for n in BRANCHES}
    link = np.where(
        random.random(total) < 0.2, -1, random.integers(0, 9, total) % np.repeat(np.maximum(muons, 1), hits)
    )
    found["spacePoint_truthLink"] = ak.unflatten(link.astype(np.int32), hits)
    truth = {
        "pt": random.uniform(6, 90, every),
        "eta": random.uniform(-2.5, 2.5, every),
        "phi": random.uniform(-3, 3, every),
        "q": random.choice([-1, 1], every).astype(np.int32),
    }
    found |= {f"truthMuon_{name}": ak.unflatten(values, muons) for name, values in truth.items()}
    return {**found, "eventNumber": np.arange(events)}


def write(path, branches, name="MuonHitDump", kind="mktree"):
    with uproot.recreate(path) as file:
        if kind == "mktree":
            file.mktree(name, {k: getattr(v, "dtype", None) or v.type.content for k, v in branches.items()})
            file[name].extend(branches)
        else:
            file.mkrntuple(name, branches)
    return path


def source(*files, **options):
    spec = DATASETS.parse({"name": "muon_hits", "files": [str(path) for path in files], **options})
    return spec.build(list(files))


def read(*files, **options):
    return Events.concatenate(list(source(*files, **options)))


@pytest.fixture
def one(tmp_path):
    branches = content()
    return write(tmp_path / "one.root", branches), branches


def test_the_22_features_are_those_of_the_file_and_of_its_low_edge(one):
    path, branches = one
    found = source(path)
    assert [c.name for c in found.inputs["hits"].columns] == list(STANDARD)
    assert found.inputs["hits"].shape == (None, 22)
    (events,) = found
    flat = {name: ak.to_numpy(ak.flatten(branches[f"spacePoint_{name}"])) for name in BRANCHES}
    x, y, z = (flat[f"globEdgeLow{axis}"].astype(np.float64) for axis in "XYZ")
    flat |= {"r": np.hypot(x, y), "s": np.sqrt(x**2 + y**2 + z**2), "phi": np.arctan2(y, x)}
    flat["theta"] = np.arccos(z / flat["s"])
    for position, name in enumerate(STANDARD):
        np.testing.assert_allclose(events.inputs["hits"].values[:, position], flat[name], rtol=2e-5, atol=1e-6)


def test_eta_is_that_of_theta_and_finite_on_the_beam_line(tmp_path):
    branches = content(3)
    counts = ak.num(branches["spacePoint_time"])
    zero = ak.unflatten(np.zeros(int(ak.sum(counts)), np.float32), counts)
    events = read(write(tmp_path / "a.root", branches), features=["theta", "eta"])
    theta, eta = events.inputs["hits"].values.T.astype(np.float64)
    np.testing.assert_allclose(eta, -np.log(np.tan(theta / 2)), rtol=1e-4, atol=1e-5)
    branches |= {"spacePoint_globEdgeLowX": zero, "spacePoint_globEdgeLowY": zero}
    (eta,) = read(write(tmp_path / "b.root", branches), features=["eta"]).inputs["hits"].values.T
    assert np.isfinite(eta).all()
    assert (np.abs(eta) > 5).all()


def test_scales_stand_in_the_input_layer_and_may_be_changed(one):
    path, _ = one
    layer = (
        source(path, features=["r", "time", "covXX", "channel", "layer"], scales={"layer": 0.5}).inputs["hits"].layer
    )
    assert layer == {"name": "hit_features", "scales": [1e-3, 1e-5, 1e-6, 1e-3, 0.5], "standardize": False}


def test_truth_is_complete_from_angles(one):
    path, branches = one
    columns = read(path).columns
    pt, eta, phi, q = (ak.to_numpy(ak.flatten(branches[f"truthMuon_{n}"])) for n in ("pt", "eta", "phi", "q"))
    expected = {"px": pt * np.cos(phi), "pz": pt * np.sinh(eta), "p": pt * np.cosh(eta), "q_over_pt": q / pt}
    for name, values in {**expected, "charge": q, "positive": q > 0, "event": np.arange(40)}.items():
        np.testing.assert_allclose(columns[name], values, rtol=1e-5)


def test_truth_is_complete_from_momenta(tmp_path):
    branches = {k: v for k, v in content(20).items() if not k.startswith("truth")}
    px, py, pz = np.random.default_rng(7).normal(0, 20, (3, 20))
    branches |= {"gpx": px, "gpy": py, "gpz": pz}
    found = source(write(tmp_path / "a.root", branches), truth_prefix="g", min_pt=0, max_abs_eta=20)
    assert not {"charge", "positive", "q_over_pt", "vx"} & set(found.targets)
    (events,) = found
    pt = np.hypot(px, py)
    expected = {"pt": pt, "eta": -np.log(np.tan(np.arctan2(pt, pz) / 2)), "phi": np.arctan2(py, px), "px": px}
    for name, values in expected.items():
        np.testing.assert_allclose(events.columns[name], values, rtol=1e-4, atol=1e-6)


def test_a_tree_and_an_ntuple_say_the_same(tmp_path):
    branches = content(muons=[1, 2] * 20)
    tree, ntuple = (
        read(write(tmp_path / f"{kind}.root", branches, kind=kind), min_hits=0) for kind in ("mktree", "mkrntuple")
    )
    assert len(tree) == 60
    np.testing.assert_array_equal(tree.inputs["hits"].values, ntuple.inputs["hits"].values)
    np.testing.assert_array_equal(tree.key, ntuple.key)


def test_each_muon_is_a_sample_with_its_own_hits_and_the_noise(tmp_path):
    branches = content(30, muons=[2] * 30)
    path = write(tmp_path / "a.root", branches)
    link = branches["spacePoint_truthLink"]
    both = read(path, assignment=True, min_hits=0)
    assert both.columns["muon"].tolist() == [0, 1] * 30
    for sample in range(60):
        its = np.asarray(link[sample // 2])
        expected = (its[(its == sample % 2) | (its == -1)] == sample % 2).tolist()
        assert both.inputs["assigned"][sample : sample + 1].values.tolist() == expected
    clean = read(path, assignment=True, noise="drop", min_hits=0)
    assert clean.inputs["assigned"].values.all()
    assert clean.columns["n_hits"].sum() == (ak.to_numpy(ak.flatten(link)) >= 0).sum()
    every = read(path, assignment=True, other_muons="keep", min_hits=0)
    assert every.columns["n_hits"].tolist() == np.repeat(ak.to_numpy(ak.num(link)), 2).tolist()
    assert len(set(both.key.tolist())) == 60


def test_leading_and_single_muons(tmp_path):
    branches = content(30, muons=[1, 2, 3] * 10)
    path = write(tmp_path / "a.root", branches)
    leading = read(path, muons="leading", other_muons="keep")
    np.testing.assert_allclose(leading.columns["pt"], ak.to_numpy(ak.max(branches["truthMuon_pt"], axis=1)), rtol=1e-6)
    single = read(path, muons="single")
    assert len(single) == 10
    assert set(single.columns["muons"].tolist()) == {1}


def test_the_link_may_be_a_label_of_the_muon(tmp_path):
    branches = content(20, muons=[2] * 20)
    link = branches["spacePoint_truthLink"]
    labels = {
        "trackID": ak.Array([[7, 5]] * 20),
        "spacePoint_truthLink": ak.where(link == 0, 7, ak.where(link == 1, 5, 0)),
    }
    options = {"assignment": True, "min_hits": 0}
    plain = read(write(tmp_path / "a.root", branches), **options)
    named = read(write(tmp_path / "b.root", branches | labels), truth_branches={"link": "trackID"}, **options)
    np.testing.assert_array_equal(plain.inputs["assigned"].values, named.inputs["assigned"].values)


def test_cuts_and_truncation_are_counted(tmp_path, caplog):
    caplog.set_level("INFO")
    branches = content(30)
    pt = ak.to_numpy(ak.flatten(branches["truthMuon_pt"]))
    pt[:4] = 3.0
    branches["truthMuon_pt"] = ak.unflatten(pt, np.ones(30, int))
    hits = ak.to_numpy(ak.num(branches["spacePoint_time"]))
    events = read(write(tmp_path / "a.root", branches), max_hits=6, min_hits=5)
    wanted = (pt >= 5) & (hits >= 5)
    assert events.columns["event"].tolist() == np.flatnonzero(wanted).tolist()
    assert events.columns["n_hits"].tolist() == np.minimum(hits, 6)[wanted].tolist()
    text = caplog.text
    assert "left out 4 muons with pt below 5 GeV" in text
    assert f"left out {(hits[4:] < 5).sum()} muons with fewer than 5 hits" in text
    assert f"left out {np.maximum(hits[4:] - 6, 0).sum()} hits beyond 6 in an event" in text
    assert f"{(hits[4:] > 6).sum()} events truncated" in text


def test_blocks_files_and_globs_give_the_same_events(one, tmp_path):
    path, branches = one
    whole = read(path)
    small = source(path, block_size=7)
    assert len(small.blocks) > 4
    np.testing.assert_array_equal(Events.concatenate(list(small)).key, whole.key)
    halves = [{k: v[rows] for k, v in branches.items()} for rows in (slice(0, 20), slice(20, 40))]
    files = [write(tmp_path / f"half_{i}.root", half, name="other") for i, half in enumerate(halves)]
    together = read(*[Path(f"{file}:other") for file in files])
    np.testing.assert_array_equal(together.inputs["hits"].values, whole.inputs["hits"].values)


def prepare(events):
    inputs = {name: np.asarray(array) for name, array in events.inputs.items()}
    return inputs, {"pt": np.asarray(events.columns["pt"], np.float32)[:, None]}


def test_batches_are_padded_to_their_own_longest_event(tmp_path):
    branches = content(64, most=150)
    found = source(write(tmp_path / "a.root", branches), block_size=10)
    part = split(found, DatasetOptions(files=("x",), split={"train": 1.0, "validation": 0.0, "test": 0.0})).train
    every = part.events()
    seen = 0
    for inputs, targets in ordered_batches(part, prepare, 24):
        rows = every[slice(seen, seen + len(targets["pt"]))]
        length = -(-int(rows.columns["n_hits"].max()) // 32) * 32
        assert inputs["hits"].shape == (len(rows), length, 22)
        np.testing.assert_array_equal(inputs["mask"].numpy().sum(axis=1), rows.columns["n_hits"])
        np.testing.assert_array_equal(inputs["hits"], np.asarray(rows.inputs["hits"]))
        seen += len(rows)
    assert seen == 64
    shuffled = shuffled_batches(part, prepare, 24, seed=3)
    assert shuffled.element_spec[0]["hits"].shape.as_list() == [None, None, 22]
    sizes = [len(targets["pt"]) for _, targets in shuffled.take(5)]
    assert sizes == [24] * 5


def test_a_stopped_training_goes_on_with_the_same_batches(one):
    path, _ = one
    part = split(source(path), DatasetOptions(files=("x",), split={"train": 1.0, "validation": 0.0, "test": 0.0})).train
    all_of_them = [batch[0]["hits"].numpy() for batch in shuffled_batches(part, prepare, 8, seed=3).take(7)]
    later = [batch[0]["hits"].numpy() for batch in shuffled_batches(part, prepare, 8, seed=3, first_row=32).take(3)]
    for one_of_them, other in zip(all_of_them[4:], later, strict=True):
        np.testing.assert_array_equal(one_of_them, other)


@pytest.mark.parametrize("kind", ["mktree", "mkrntuple"])
def test_numbers_of_events_in_nanoseconds_are_kept_and_keep_events_apart(kind, tmp_path):
    """As float64 these events share keys, 10 with each other."""
    event = (1764000000000000000 + 25 * np.arange(40)).astype(np.uint64)
    path = write(
        tmp_path / "a.root", content() | {"eventNumber": event, "runNumber": np.full(40, 2**62 + 1)}, kind=kind
    )
    found = read(path, min_hits=1, block_size=7)
    assert found.columns["event"].tolist() == event.tolist()
    assert found.columns["run"].tolist() == [2**62 + 1] * 40
    assert len(np.unique(found.key)) == 40


def test_links_above_2_to_the_53_find_their_muon(tmp_path):
    """As float64 both muons of an event have one link, and the second would get all hits."""
    branches = content(events=20, muons=np.full(20, 2))
    own = 2**60 + np.tile([1, 2], 20)
    place = np.asarray(ak.flatten(branches["spacePoint_truthLink"]))
    hits = ak.num(branches["spacePoint_truthLink"])
    branches["spacePoint_truthLink"] = ak.unflatten(
        np.where(place < 0, -1, 2**60 + 1 + place.astype(np.int64) % 2), hits
    )
    wide = read(
        write(tmp_path / "a.root", branches | {"truthMuon_link": ak.unflatten(own, np.full(20, 2))}), min_hits=0
    )
    branches["spacePoint_truthLink"] = ak.unflatten(np.where(place < 0, -1, place % 2), hits)
    small = read(write(tmp_path / "b.root", branches), min_hits=0)
    assert wide.columns["n_hits"].tolist() == small.columns["n_hits"].tolist()
    assert wide.inputs["hits"].values.tolist() == small.inputs["hits"].values.tolist()


def test_other_branches_of_truth_are_different_data(tmp_path):
    branches = content()
    path = write(tmp_path / "a.root", branches | {"pt_up": branches["truthMuon_pt"] * 1.01})
    with uproot.open(path) as file:
        of_0_1 = hashlib.sha256(f"{file.file.uuid}:{path.stat().st_size};".encode()).hexdigest()[:16]
    assert source(path).fingerprint == source(path, features=["time", "channel"]).fingerprint == of_0_1
    assert source(path, truth_branches={"pt": "pt_up"}).fingerprint != of_0_1
    renamed = {name.replace("spacePoint_", "sp_"): values for name, values in branches.items()}
    other = write(tmp_path / "b.root", renamed)
    prints = [source(other, hit_prefix="sp_", features=names).fingerprint for names in (["time"], ["time", "channel"])]
    assert prints[0] == prints[1]  # which features a network gets does not change the data
