"""Muon files with something wrong in them: one clear line each."""

from __future__ import annotations

import re

import awkward as ak
import numpy as np
import pytest
import uproot

from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import load_data
from datasets import DATASETS

FEATURES = ["time", "layer"]


def content(events=6):
    counts = np.arange(3, 3 + events)
    total = int(counts.sum())
    return {
        "spacePoint_time": ak.unflatten(np.arange(total, dtype=np.float32), counts),
        "spacePoint_layer": ak.unflatten(np.arange(total, dtype=np.int32) % 6, counts),
        "spacePoint_truthLink": ak.unflatten(np.zeros(total, np.int32), counts),
        "truthMuon_pt": ak.unflatten(np.linspace(10.0, 60.0, events), 1),
        "truthMuon_eta": ak.unflatten(np.linspace(-2.0, 2.0, events), 1),
        "truthMuon_phi": ak.unflatten(np.linspace(-3.0, 3.0, events), 1),
        "truthMuon_q": ak.unflatten(np.ones(events, np.int32), 1),
        "eventNumber": np.arange(events),
    }


def write(path, branches, name="MuonHitDump"):
    with uproot.recreate(path) as file:
        file.mktree(name, {key: ak.type(array).content for key, array in branches.items()})
        file[name].extend(branches)
    return path


def read(path, **options):
    spec = DATASETS.parse({"name": "muon_hits", "files": [str(path)], "features": FEATURES, **options})
    return list(spec.build([path]))


def refused(path, **options):
    with pytest.raises(UserError) as caught:
        read(path, **options)
    (problem,) = caught.value.problems
    assert "\n" not in str(problem)
    return str(problem)


def changed(array, place, value):
    values = ak.to_numpy(ak.flatten(array)).copy()
    values[place] = value
    return ak.unflatten(values, ak.num(array))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.root"


def test_the_file_itself_is_good(path):
    (events,) = read(write(path, content()), assignment=True)
    assert len(events) == 6


def test_a_missing_branch_names_the_nearest(path):
    branches = content()
    branches["spacePoint_layers"] = branches.pop("spacePoint_layer")
    text = refused(write(path, branches))
    assert "no branch 'spacePoint_layer' for the feature 'layer'" in text
    assert "[spacePoint_layers, " in text
    assert text.startswith(str(path))


def test_missing_truth_names_the_nearest(path):
    branches = content()
    branches["truthMuon_pT"] = branches.pop("truthMuon_pt")
    assert "no branch 'truthMuon_pt' for the column 'pt'" in refused(write(path, branches))
    assert read(path, truth_branches={"pt": "truthMuon_pT"})


def test_a_target_without_its_branch_names_the_branch_that_was_looked_for(path):
    branches = content()
    branches["truthMuon_sign"] = branches.pop("truthMuon_q")
    task = {"targets": "positive", "loss": "binary_crossentropy", "metrics": "muon_charge"}
    dataset = {"name": "muon_hits", "files": [str(write(path, branches))], "features": FEATURES}
    job = {"name": "j", "application": "a", "dataset": dataset, "model": "hit_pooling", "tasks": {"charge": task}}
    looked_for = "unknown target, no branch 'truthMuon_q'; see truth_branches. Expected one of [pt, eta"
    with pytest.raises(UserError, match=rf"^tasks\.charge\.targets\.0: {re.escape(looked_for)}"):
        load_data(parse(job))


def test_a_feature_that_is_neither_a_branch_nor_derived(path):
    text = refused(write(path, content()), features=["time", "curvature"])
    assert "'spacePoint_curvature' for the feature 'curvature'" in text
    assert "derived from the low edge (r, s, theta, phi, eta)" in text


def test_a_derived_feature_needs_the_low_edge(path):
    assert "'spacePoint_globEdgeLowX'" in refused(write(path, content()), features=["time", "eta"])


def test_noise_can_only_be_known_with_a_link(path):
    branches = {k: v for k, v in content().items() if k != "spacePoint_truthLink"}
    assert "for the column 'truthLink'" in refused(write(path, branches), noise="drop")
    assert "for the column 'truthLink'" in refused(path, assignment=True)
    assert read(path)


def test_hits_of_several_muons_cannot_be_told_apart_without_a_link(path):
    branches = {k: v for k, v in content().items() if k != "spacePoint_truthLink"}
    branches |= {k: ak.Array([[v[0], v[0]]] * 6) for k, v in branches.items() if k.startswith("truthMuon")}
    branches |= {f"truthMuon_{n}": ak.Array([[20.0, 10.0]] * 6) for n in ("pt",)}
    for name in ("eta", "phi"):
        branches[f"truthMuon_{name}"] = ak.Array([[0.5, 1.5]] * 6)
    branches["truthMuon_q"] = ak.values_astype(ak.Array([[1, 1]] * 6), np.int32)
    assert "no 'truthLink' tells the hits of several muons apart" in refused(write(path, branches))
    assert len(read(path, other_muons="keep")[0]) == 12


def test_branches_of_different_lengths(path):
    branches = content()
    branches["spacePoint_layer"] = ak.concatenate([branches["spacePoint_layer"][:4], branches["spacePoint_layer"][3:5]])
    text = refused(write(path, branches))
    assert "branches of different lengths in 2 events, the first is event 4" in text
    assert "{'spacePoint_time': 7, 'spacePoint_layer': 6}" in text


def test_muons_of_different_lengths(path):
    branches = content()
    branches["truthMuon_eta"] = ak.Array([[0.1]] * 5 + [[0.1, 0.2]])
    assert "different lengths in 1 events, the first is event 5" in refused(write(path, branches))


def test_events_without_hits_are_left_out_and_counted(path, caplog):
    caplog.set_level("INFO")
    branches = content()
    for name in ("time", "layer", "truthLink"):
        column = branches[f"spacePoint_{name}"]
        branches[f"spacePoint_{name}"] = ak.concatenate([column[:4], column[:2][:, :0]])
    (events,) = read(write(path, branches))
    assert events.columns["event"].tolist() == [0, 1, 2, 3]
    assert "left out 2 muons with fewer than 3 hits" in caplog.text


@pytest.mark.parametrize(
    ("branch", "value", "text"),
    [
        ("truthMuon_pt", 0.0, "1 of 6 muons are of pt 0 or below, the first is number 2"),
        ("truthMuon_pt", np.nan, "1 of 6 muons are not finite, the first is number 2"),
        ("truthMuon_phi", np.inf, "1 of 6 muons are not finite, the first is number 2"),
        ("truthMuon_eta", np.nan, "1 of 6 muons are not finite, the first is number 2"),
        ("truthMuon_q", 0, "1 of 6 muons are of another charge than 1 or -1, the first is number 2"),
        ("spacePoint_time", np.nan, "'time' of 1 hits in 1 of 6 samples is not finite"),
    ],
)
def test_values_that_cannot_be(path, branch, value, text, caplog):
    caplog.set_level("INFO")
    branches = content()
    branches[branch] = changed(branches[branch], 8 if branch.startswith("space") else 2, value)
    assert text in refused(write(path, branches))
    (events,) = read(path, on_invalid="drop")
    assert len(events) == 5
    assert "left out 1 muons" in caplog.text


def test_momenta_along_the_beam_have_no_pt(path):
    branches = {k: v for k, v in content().items() if not k.startswith("truth")}
    branches |= {"px": np.array([1.0, 0, 1, 1, 1, 1]), "py": np.zeros(6), "pz": np.full(6, 9.0)}
    assert "1 of 6 muons are of pt 0 or below" in refused(write(path, branches), truth_prefix="", min_pt=0)


def test_a_wrong_tree_lists_those_that_are_there(path):
    text = refused(write(path, content(), name="MuonHits"))
    assert "unknown tree" in text
    assert "Did you mean 'MuonHits'?" in text
    assert "Expected one of [MuonHits]" in text


def test_zero_bytes_and_a_truncated_file(path):
    whole = write(path, content()).read_bytes()
    path.write_bytes(b"")
    assert "not a whole ROOT file" in refused(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert "not a whole ROOT file" in refused(path)


def test_a_branch_of_text_is_no_feature(path):
    branches = content()
    with uproot.recreate(path) as file:
        file.mkrntuple("MuonHitDump", branches | {"spacePoint_layer": ak.Array([["a"] * n for n in range(3, 9)])})
    assert "the branch 'spacePoint_layer' is no list of numbers" in refused(path)


def test_one_number_per_event_is_no_hit(path):
    text = refused(write(path, content() | {"spacePoint_layer": np.arange(6)}))
    assert "the branch 'spacePoint_layer' has one number per event" in text


def test_names_that_mean_nothing(path):
    write(path, content())
    assert "scales: unknown column. Did you mean 'layer'?" in refused(path, scales={"layers": 1.0})
    assert "truth_branches: unknown column" in refused(path, truth_branches={"pT": "truthMuon_pt"})
    assert "features.1: the feature is there twice" in refused(path, features=["time", "time"])


def test_events_that_are_numbered_twice(path):
    text = refused(write(path, content() | {"eventNumber": np.array([0, 1, 2, 3, 4, 4])}))
    assert "1 rows are duplicates" in text
    assert len(read(path, key="content")[0]) == 6
