"""The loader that knows a file says so and makes a first job for it, which is valid and reads the file."""

from __future__ import annotations

import json
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from loader_files import FAMILIES, planes, write

from app.cli import main
from app.config.job_file import parse
from app.core.files import REPOSITORY
from app.data.first_job import first_job, recognize
from app.layers.features import check_features
from datasets import DATASETS, Column, Events, Input, Source
from datasets.files.contents import Recognized
from datasets.pipeline.checked import open_source
from datasets.transforms.chain import check_mirror

TINY = "json/track_extrapolation/mlp_tiny.json"
KNOWN = {
    "tracks.npz": ("all columns of track states are there", {}),
    "planes.npz": ("images of clusters on matched planes, with metadata of 14 columns", {"planes": ["u", "v", "x"]}),
    "volumes.npz": ("pixels of volume images and which interaction each of them shows", {}),
    "layers.npz": ("azimuths in 6 layers (hits), with pt and charge", {"hits": "hits", "pt": "pt", "charge": "charge"}),
    "tracks.root": ("all columns of track states are there", {"tree": "t"}),
    "muons.root": (
        "the tree 'MuonHitDump' has hits in spacePoint_* and true muons in truthMuon_*",
        {"other_muons": "keep"},
    ),
    "photons.root": ("the tree 'tree' has photons and times of 4760 sensors", {"tree": "tree"}),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "photons.root")) for n in KNOWN])
def test_the_loader_that_knows_a_file_makes_a_job_that_reads_it(name, tmp_path, caplog):
    write(tmp_path / name, FAMILIES[name][1]())
    known = recognize(tmp_path / name)
    why, keys = KNOWN[name]
    assert (known.loader, known.recognized.why) == (FAMILIES[name][0], why)
    assert keys.items() <= known.recognized.dataset.items()
    made = first_job(tmp_path / name, None, [], [])
    assert f"{known.loader} reads this file: {why}; --targets makes a table of columns of it" in caplog.text
    assert made["$schema"] == str(REPOSITORY / "json/job.schema.json")
    assert made["training"]["early_stopping"] == {"patience": 20}
    job = parse(made)
    source = open_source(job.dataset, [tmp_path / name])
    assert {target for task in job.tasks.values() for target in task.targets} <= set(source.targets)
    assert sum(len(events) for events in source) > 0


@pytest.mark.parametrize(
    ("changes", "mirror", "features"),
    [
        ({}, True, json.loads((REPOSITORY / TINY).read_text())["model"]["inputs"]["features"]),
        ({"name": "uniform", "by": -0.5, "bx": 0.1}, False, ["tx", "ty", "qop", "lens_u", "lens_tx", "lens_ty"]),
        ({"maxwell": True}, True, ["x", "y", "tx", "ty", "qop", "lens_x", "lens_y", "lens_u", "lens_v"]),
        ({"name": "field_map", "file": "absent.npz"}, None, None),
    ],
)
def test_tracks_whose_field_is_stated_are_learned_beside_a_thin_lens(changes, mirror, features, tmp_path):
    metadata = {"dataset": "track_states", "field": {"name": "gaussian_dipole", **changes}, "z_start": 0, "z_end": 9}
    write(tmp_path / "tracks.npz", {**FAMILIES["tracks.npz"][1](), "metadata": np.array(json.dumps(metadata))})
    made = first_job(tmp_path / "tracks.npz", None, [], [])
    if features is None:
        assert (made["tasks"]["state"]["transform"], made["model"]) == ("kick", {"name": "mlp", "preset": "small"})
        return
    tiny = json.loads((REPOSITORY / TINY).read_text())["tasks"]["state"]
    assert made["tasks"]["state"] == tiny
    assert made["model"]["inputs"] == {"mirror": mirror, "features": features}
    source = open_source(parse(made).dataset, [tmp_path / "tracks.npz"])
    columns = [column.name for column in source.inputs["state"].columns]
    check_features(features, columns, source.magnet)
    if mirror:
        check_mirror(source.magnet, columns, tiny["targets"])


def test_inputs_and_targets_make_a_table_of_any_file(tmp_path):
    write(tmp_path / "tracks.root", FAMILIES["tracks.root"][1]())
    made = first_job(tmp_path / "tracks.root", None, ["x"], ["true_x"])
    assert made["dataset"]["name"] == "table"
    assert first_job(tmp_path / "tracks.root", "t", [], [])["dataset"]["name"] == "table"


@pytest.mark.parametrize("folders", [False, True])
def test_the_files_of_the_other_planes_belong_to_one(folders, tmp_path):
    arrays = planes()
    for plane in "ux":
        folder = tmp_path / plane.upper() if folders else tmp_path
        folder.mkdir(exist_ok=True)
        metadata = arrays["metadata"].copy()
        metadata[:, 12] = "uvx".index(plane)
        np.savez(folder / f"a_plane{plane.upper()}.npz", images=arrays[f"images_{plane}"], metadata=metadata)
    path = tmp_path / ("X/a_planeX.npz" if folders else "a_planeX.npz")
    made = first_job(path, None, [], [])
    assert recognize(path).recognized.why == "images of clusters on plane X, with metadata of 14 columns"
    assert made["dataset"]["planes"] == ["u", "x"]
    assert [Path(file).name for file in made["dataset"]["files"]] == ["a_planeU.npz", "a_planeX.npz"]
    assert parse(made).model.name == "plane_cnn"
    assert main(["inspect", str(path)]) == 0


def other_muons():
    """Hits and true muons under the names of another experiment."""
    rng, hits = np.random.default_rng(1), np.arange(3, 33) % 7 + 3
    of_hits = {
        n: ak.unflatten(rng.uniform(0, 9, hits.sum()), hits) for n in ("detectorID", "elementID", "driftDistance")
    }
    momenta = {f"g{n}": ak.unflatten(rng.normal(0, 9, 30), 1) for n in ("px", "py", "pz", "px_st1", "ProcessID")}
    of_hits["hitTrackID"] = ak.unflatten(np.ones(hits.sum(), "i4"), hits)
    numbers = {"gTrackID": ak.unflatten(np.ones(30, "i4"), 1), "gCharge": ak.unflatten(rng.choice([-1.0, 1.0], 30), 1)}
    return {**of_hits, **momenta, **numbers}


def test_hits_under_other_names_are_found_by_their_numbers(tmp_path):
    write(tmp_path / "other.root", other_muons())
    known = recognize(tmp_path / "other.root")
    assert known.recognized.dataset == {
        "tree": "t",
        "hit_prefix": "",
        "truth_prefix": "g",
        "hit_branches": {"truthLink": "hitTrackID"},
        "truth_branches": {"charge": "gCharge", "link": "gTrackID"},
        "features": ["detectorID", "elementID", "driftDistance"],
        **{"min_pt": 0, "max_abs_eta": 20, "min_hits": 1, "key": "content", "standardize": True},
    }
    job = parse(first_job(tmp_path / "other.root", None, [], []))
    assert set(job.tasks) == {"pt", "direction", "charge"}
    assert sum(map(len, open_source(job.dataset, [tmp_path / "other.root"]))) == 30


def test_true_particles_without_hits_are_a_table(tmp_path):
    rng = np.random.default_rng(1)
    generated = {f"GenPart_{n}": ak.unflatten(rng.uniform(1, 9, 60), 2) for n in ("pt", "eta", "phi")}
    jets = {f"Jet_{n}": ak.unflatten(rng.uniform(1, 9, 90), 3) for n in ("pt", "eta", "phi", "mass")}
    write(tmp_path / "nano.root", {**generated, **jets, "met": rng.uniform(size=30), "njet": np.arange(30) % 5 + 0.5})
    assert recognize(tmp_path / "nano.root") is None
    assert first_job(tmp_path / "nano.root", None, [], [])["dataset"]["name"] == "table"


def test_files_without_truth_are_known_and_their_job_is_a_table(tmp_path, caplog):
    write(tmp_path / "primitives.root", FAMILIES["primitives.root"][1]())
    known = recognize(tmp_path / "primitives.root")
    assert known.recognized.dataset == {"truth": False, "sum_ticks": 4}
    assert known.recognized.why.endswith("holds trigger primitives, without the truth about them")
    assert first_job(tmp_path / "primitives.root", None, [], [])["dataset"]["name"] == "table"
    assert "without the truth about them; its job is that of a table" in caplog.text


def test_the_parts_of_a_file_of_layers_are_its_splits(tmp_path):
    rng = np.random.default_rng(1)
    arrays = {}
    for part in ("valid_", "train_"):
        arrays |= {f"{part}HITS": rng.uniform(1, 9, (40, 6, 2)), f"{part}PT_VAL": rng.uniform(5, 50, 40)}
        arrays[f"{part}SIGN"] = rng.choice([-1, 1], 40)
    np.savez(tmp_path / "omtf.npz", **arrays)
    dataset = first_job(tmp_path / "omtf.npz", None, [], [])["dataset"]
    assert dataset["split"] == {"files": {"train": "*:train_/[0-8]", "validation": "*:train_/9", "test": "*:valid_/*"}}
    assert "prefixes" not in dataset


def test_of_few_events_each_split_gets_some(tmp_path):
    write(tmp_path / "muons.root", FAMILIES["muons.root"][1]())
    job = parse(first_job(tmp_path / "muons.root", None, [], []))
    from app.data.loading import load_data

    splits = load_data(job).splits
    assert min(splits.train.rows, splits.validation.rows, splits.test.rows) >= 1


def test_a_loader_of_ones_own_may_know_files(tmp_path, monkeypatch):
    def mine(files):
        """Mine."""
        with np.load(files[0]) as arrays:
            time = arrays["tubes"]

        def read():
            return Events({"tube": time[:, None]}, {"r": time}, np.arange(len(time), dtype=np.uint64))

        return Source({"tube": Input((Column("t"),), (1,))}, {"r": Column("r")}, {}, [read], [str(files[0])], len(time))

    job = {"application": "tubes", "model": "mlp", "tasks": {"r": {"targets": ["r"]}}, "training": {"epochs": 3}}
    DATASETS.names()
    monkeypatch.setattr(DATASETS, "_components", dict(DATASETS._components))
    DATASETS("a_mine", recognize=lambda c: Recognized("tubes", {}, job) if "tubes" in c.arrays else None)(mine)
    np.savez(tmp_path / "a.npz", tubes=np.arange(9, dtype="f4"))
    assert recognize(tmp_path / "a.npz").loader == "a_mine"
    made = first_job(tmp_path / "a.npz", None, [], [])
    assert (made["name"], made["application"], made["dataset"]["name"]) == ("a_mlp", "tubes", "a_mine")
    assert parse(made).training.epochs == 3
    np.savez(tmp_path / "b.npz", others=np.zeros(3))
    assert recognize(tmp_path / "b.npz") is None


def test_inspect_names_the_loader_and_why(tmp_path, capsys):
    write(tmp_path / "volumes.npz", FAMILIES["volumes.npz"][1]())
    assert main(["inspect", str(tmp_path / "volumes.npz")]) == 0
    out = capsys.readouterr().out
    assert "volume_images reads this file: pixels of volume images and which interaction each of them shows\n" in out
    assert "the dataset volume_images reads 5 events in 1 block; inputs volume" in out
    np.savez(tmp_path / "a.npz", others=np.zeros(3))
    assert main(["inspect", str(tmp_path / "a.npz")]) == 0
    assert "makes a job of its columns; --dataset NAME tries a loader" in capsys.readouterr().out


def test_the_job_of_the_command_says_where_its_schema_is(tmp_path, capsys):
    write(tmp_path / "layers.npz", FAMILIES["layers.npz"][1]())
    assert main(["init", str(tmp_path / "layers.npz"), "--out", str(tmp_path / "job.json")]) == 0
    made = json.loads((tmp_path / "job.json").read_text())
    assert list(made)[:3] == ["$schema", "name", "application"]
    assert made["name"] == "layers_mlp"
    assert main(["validate", str(tmp_path / "job.json")]) == 0
