"""A training on simulated muons whose hits are assigned: what it writes, and that the deployed model knows no truth."""

from __future__ import annotations

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import uproot

from app.checks.jobs import check_jobs
from app.cli import main
from app.comparison.compared_run import align_events
from app.config import job_file
from app.core.errors import UserError
from app.evaluation import load
from app.execution.session import Options
from app.execution.single import train_job
from app.predictions import EFFICIENCY, PURITY, Predictions

CONTENT = {
    "name": "hits",
    "application": "muon_parameters",
    "dataset": {
        "name": "muon_hits",
        "simulate": {"name": "muon_hits", "events": 300, "noise": 10},
        "standardize": True,
        "assignment": True,
        "tracks": True,
    },
    "model": {"name": "hit_pooling", "encoder": [16], "hidden": [16]},
    "tasks": {
        "pt": {"targets": "pt", "transform": ["inverse", "standardize"], "metrics": ["muon_pt", "hit_assignment"]},
        "charge": {"targets": "positive", "loss": "binary_crossentropy", "metrics": "muon_charge"},
    },
    "constraints": [{"name": "hit_assignment", "weight": 1.0}],
    "training": {
        "epochs": 4,
        "batch_size": 32,
        "optimizer": {"name": "adam", "learning_rate": 1e-2},
        "xla": False,
        "steps_per_execution": 1,
    },
    "plots": [],
}


def changed(**changes):
    return job_file.parse({**CONTENT, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hits")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RUNS", "REGISTRY", "DATA"):
            patch.setenv(f"WIRECHAMBER_{name}", str(folder / name.lower()))
        yield train_job(job_file.parse(CONTENT), Options(folder / "hits.json"))


@pytest.mark.slow
def test_the_loss_of_the_scores_falls_and_stands_in_the_history(run):
    history = json.loads(run.history.read_text())
    first, last = history["train"][0], history["train"][-1]
    assert last["assignment_loss"] < 0.8 * first["assignment_loss"]
    assert {"pt_loss", "charge_loss", "data_loss"} <= set(last)
    assert last["loss"] == pytest.approx(last["data_loss"] + last["assignment_loss"], rel=1e-4)
    assert history["val"][-1]["hit_efficiency"] > 0.5


def test_purity_and_efficiency_are_those_of_the_predictions(run):
    found = json.loads(run.metrics.read_text())["pt"]
    events = Predictions.read(run.predictions)
    assert found["model"]["hit_purity"] == pytest.approx(np.nanmean(events.columns[PURITY]), rel=1e-6)
    assert found["model"]["hit_efficiency"] == pytest.approx(np.nanmean(events.columns[EFFICIENCY]), rel=1e-6)
    assert "hit_purity" in found["model"]["bins"][0]
    assert set(found["baselines"]) == {"mean", "sagitta_fit"}
    assert "hit_purity" not in found["baselines"]["sagitta_fit"]
    assert found["baselines"]["sagitta_fit"]["pt_relative_res_68pct"] < 0.15


def test_the_deployed_model_knows_no_truth_and_scores_the_hits(run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIRECHAMBER_RUNS", str(run.path.parent))
        loaded = load(run.name)
    assert sorted(loaded.model.input) == ["hits", "mask"]
    rng = np.random.default_rng(1)
    inputs = {"hits": rng.normal(size=(3, 5, 22)).astype(np.float32), "mask": np.ones((3, 5), np.float32)}
    inputs["mask"][0] = 0
    more = {name: np.pad(values, ((0, 0), (0, 4), *[(0, 0)] * (values.ndim - 2))) for name, values in inputs.items()}
    one, other = (loaded.predict(values) for values in (inputs, more))
    for name, values in one.items():
        assert np.isfinite(values).all()
        np.testing.assert_allclose(other[name], values, rtol=1e-4)
    assert (one["pt"] > 0).all()
    probability = np.asarray(loaded.model(inputs)["hit_probability"])
    assert probability.shape == (3, 5)
    assert not probability[0].any()
    assert probability[1:].any()


def test_no_events_and_events_without_hits(run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIRECHAMBER_RUNS", str(run.path.parent))
        loaded = load(run.name)

    def predict(events, hits):
        return loaded.predict({"hits": np.ones((events, hits, 22)), "mask": np.zeros((events, hits))})

    expected = predict(3, 5)
    for hits in (0, 5):
        assert {name: values.shape for name, values in predict(0, hits).items()} == dict.fromkeys(expected, (0,))
    for name, values in predict(3, 0).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6)
    for shape, message in (
        ((3, 4), r"mask: another number of hits\. Expected 5, as in hits\. Received 4"),
        ((2, 5), r"mask: another number of events\. Expected 3, as in hits\. Received 2"),
        ((3,), r"mask: another shape\. Expected numbers of shape \(N, h\)\. Received 'shape \[3\]'"),
    ):
        with pytest.raises(UserError, match=message):
            loaded.predict({"hits": np.ones((3, 5, 22)), "mask": np.ones(shape)})


def test_numbers_of_events_come_out_as_they_went_in(run, tmp_path, monkeypatch):
    """Evaluated, exported and compared: times in ns since 1970, of which float64 makes one number of 10."""
    for name in ("RUNS", "REGISTRY", "DATA"):
        monkeypatch.setenv(f"WIRECHAMBER_{name}", str(run.path.parents[1] / name.lower()))
    (path,) = (run.path.parents[1] / "data").glob("muon_hits-*/*.root")
    with uproot.open(path) as file:
        branches = file["MuonHitDump"].arrays(entry_stop=60)
    content = {name: branches[name] for name in branches.fields}
    event = 1764000000000000000 + 25 * np.arange(60)
    with uproot.recreate(tmp_path / "ns.root") as file:
        file.mkrntuple("MuonHitDump", content | {"eventNumber": event.astype(np.uint64)})
    arguments = ["evaluate", run.name, "--data", str(tmp_path / "ns.root"), "--root", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    written = Predictions.read(tmp_path / "out" / "predictions.csv")
    assert len(np.unique(written.key)) == len(written) > 40
    assert written.columns["event"].dtype == np.int64
    assert set(written.columns["event"].tolist()) <= set(event.tolist())
    with uproot.open(tmp_path / "out" / "predictions.root") as file:
        tree = file["predictions"].arrays(["key", "event", "run", "muon"], library="np")
    assert tree["event"].dtype == np.uint64
    for name in ("event", "run", "muon"):
        assert tree[name].tolist() == written.columns[name].tolist()
    again = align_events(
        [SimpleNamespace(name="a", predictions=written), SimpleNamespace(name="b", predictions=written)]
    )
    assert again["b"].columns["event"].tolist() == written.columns["event"][np.argsort(written.key)].tolist()


def test_truth_that_is_not_there_is_asked_for(tmp_path, monkeypatch):
    for name in ("RUNS", "REGISTRY", "DATA"):
        monkeypatch.setenv(f"WIRECHAMBER_{name}", str(tmp_path / name.lower()))
    data = {**CONTENT["dataset"], "assignment": False, "simulate": {"name": "muon_hits", "events": 60}}
    words = r"dataset\.assignment: 'hit_assignment' needs to know which hits are the muon's"
    with pytest.raises(UserError, match=words):
        train_job(changed(dataset=data), Options(tmp_path / "x.json"))
    keras.backend.clear_session()


def test_models_without_scores_are_refused():
    with pytest.raises(UserError, match="'hit_assignment' does not apply to the model 'deep_sets'"):
        check_jobs([changed(model={"name": "deep_sets"})])
    with pytest.raises(UserError, match=r"metrics\.1: the model 'deep_sets' does not assign hits"):
        check_jobs([changed(model={"name": "deep_sets"}, constraints=[])])
    task = {**CONTENT["tasks"]["pt"], "metrics": ["hit_assignment"]}
    with pytest.raises(UserError, match="no baseline assigns hits, so a run cannot be judged by it"):
        check_jobs([changed(tasks={"pt": task})])
    with pytest.raises(UserError, match="a task cannot have this name"):
        check_jobs([changed(tasks={"hit_probability": CONTENT["tasks"]["pt"]})])
