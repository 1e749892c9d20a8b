"""Models that need no training go the way of every run: predicted, measured, saved, registered, resumed, loaded."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import registry
from app.cli import main

STATE = ("x", "y", "tx", "ty")
CAUGHT = {"files": ["tracks.npz"], "simulate": None}


@pytest.fixture
def run(small_job, tmp_path, capsys):
    """Run a job with changes; return exit code, output, errors."""

    def runner(changes, *words):
        content = {**small_job, "name": "classical", **changes}
        content["dataset"] = {k: v for k, v in content["dataset"].items() if v is not None}
        (tmp_path / "job.json").write_text(json.dumps(content))
        capsys.readouterr()
        code = main(["run", "--config", str(tmp_path / "job.json"), *words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return runner


@pytest.fixture
def read(tmp_path):
    return lambda name: json.loads((tmp_path / "runs" / "classical" / name).read_text())


def record(tmp_path):
    return registry.read(tmp_path / "registry", "classical")


@pytest.mark.slow
def test_a_run_leaves_behind_what_a_trained_one_does(run, read, tmp_path):
    code, output, _ = run({"model": {"name": "rk4", "steps": 2}, "plots": None})
    assert code == 0
    assert "model: rk4 steps 2, 0 parameters" in output
    assert "nothing to train: 'rk4' does not use training, tasks.state.transform\n" in output
    assert "left out" not in output
    assert output.count("baseline straight_line: ") == 1
    history = read("history.json")
    assert (history["train"], history["val"], history["best_epoch"], history["training_time"]) == ([], [], None, 0.0)
    assert history["test_final"]["pos_mean_mm"] == read("metrics.json")["state"]["model"]["pos_mean_mm"]
    assert read("model_config.json")["description"] == "rk4 steps 2"
    found = record(tmp_path)
    assert (found.state, found.model, found.parameters) == ("done", "rk4 steps 2", 0)
    assert (found.epoch, found.epochs, found.best_epoch, found.loss, found.transform) == (None, None, None, "", "")
    assert found.verdict.startswith("beats ")
    assert "| rk4 steps 2 | 0 |" in (tmp_path / "registry" / "README.md").read_text()
    plots = {path.stem for path in (tmp_path / "runs" / "classical" / "plots").iterdir()}
    assert {"residuals", "truth_prediction", "error_against_momentum"} <= plots
    assert "loss_curves" not in plots


def test_it_is_loaded_evaluated_and_resumed(run, read, tmp_path, simulated):
    from app.evaluation import load

    assert run({"model": {"name": "polynomial", "degree": 2}})[0] == 0
    with (tmp_path / "runs" / "classical" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    data = next(p for p in simulated.rglob("shard_00000.npz") if len(np.load(p)["key"]) == 600)
    with np.load(data) as content:
        place = {int(key): row for row, key in enumerate(content["key"])}
        inputs = content["X"][[place[int(row["key"])] for row in rows]].T
    predicted = load("classical").predict(dict(zip((*STATE, "qop", "dz"), inputs, strict=True)))
    for name in STATE:
        np.testing.assert_allclose(predicted[name], [float(row[f"pred_{name}"]) for row in rows], rtol=1e-5, atol=1e-5)
    before = read("metrics.json")
    assert main(["evaluate", "classical"]) == 0
    assert read("metrics.json") == before
    assert run({"model": {"name": "polynomial", "degree": 2}}, "--resume")[0] == 0
    assert read("metrics.json") == before
    code, _, errors = run({"model": {"name": "polynomial", "degree": 4}}, "--resume")
    assert code == 2
    assert "model.degree: differs from the run that is resumed. Expected [2], as in the run" in errors
    code, _, errors = run({"model": {"name": "polynomial", "degree": 2}})
    assert code == 2
    assert "the run exists already" in errors


def test_the_polynomial_is_not_compared_with_itself(run, tmp_path):
    code, output, _ = run({"model": "polynomial"})
    assert code == 0
    found = record(tmp_path)
    assert found.verdict.startswith("is the baseline polynomial itself; beats straight_line")
    assert (list(found.baselines), found.unbeaten) == (["straight_line"], [])
    metrics = json.loads((tmp_path / "runs" / "classical" / "metrics.json").read_text())["state"]
    assert found.model == metrics["descriptions"]["polynomial"]
    assert found.value == pytest.approx(metrics["baselines"]["polynomial"]["pos_mean_mm"], abs=5e-5)
    assert found.parameters % 4 == 0
    assert found.training_time > 0
    assert "NOT" not in output


def test_another_polynomial_than_the_baseline_is_compared_with_it(run, tmp_path):
    assert run({"model": {"name": "polynomial", "degree": 0}})[0] == 0
    found = record(tmp_path)
    assert found.verdict.startswith("does NOT beat polynomial")
    assert found.unbeaten == ["polynomial"]


def test_the_straight_line_is_a_baseline_as_well(run, tmp_path):
    assert run({"model": "straight_line"})[0] == 0
    assert record(tmp_path).verdict.startswith("is the baseline straight_line itself; does NOT beat polynomial")


def test_each_task_has_a_layer_of_its_own(run, read):
    metrics = {"metrics": ["regression"], "transform": "kick", "loss": "mae", "weight": 2.0}
    tasks = {"slopes": {"targets": ["ty", "tx"], **metrics}, "place": {"targets": "y", **metrics}}
    code, output, _ = run({"model": {"name": "polynomial", "degree": 2, "folded": False}, "tasks": tasks})
    assert code == 0
    unused = [f"tasks.{name}.{key}" for name in tasks for key in ("transform", "loss", "weight")]
    assert f"nothing to train: 'polynomial' does not use training, {', '.join(unused)}\n" in output
    layers = {layer["name"]: layer["parameters"] for layer in read("model_config.json")["layers"]}
    assert layers == {"state": 0, "place_physical": 10, "slopes_physical": 10 * 2}
    results = read("metrics.json")
    for target, figures in (("tx", results["slopes"]), ("y", results["place"])):
        name = next(key for key in figures["model"] if key.startswith(target) or key in ("mae", "rmse"))
        assert figures["model"][name] < figures["baselines"]["straight_line"][name]


def test_a_dry_run_says_what_it_would_be(run, tmp_path):
    code, output, _ = run({"model": {"name": "polynomial", "degree": 2, "features": ["tx", "ty", "qop"]}}, "--dry-run")
    assert code == 0
    assert "40 parameters" in output
    assert "polynomial degree 2 in tx, ty, qop" in output
    assert "nothing to train: 'polynomial' does not use training" in output
    assert "nothing was written" in output
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": {"name": "rk4", "inputs": {"mirror": True}}},
            "classical.model.inputs: the model 'rk4' needs no training and sees the raw columns. Expected no 'inputs'",
        ),
        ({"unlabelled": {"simulate": {"tracks": 100}}}, "classical.unlabelled: the model 'rk4' needs no training"),
        ({"constraints": "lorentz_residual"}, "constraints.0: 'lorentz_residual' does not apply to the model 'rk4'"),
        (
            {"tasks": {"state": {"targets": ["x", "p"]}}},
            "tasks.state.targets.1: unknown target for the model 'rk4'. Expected one of [x, y, tx, ty]. Received 'p'",
        ),
        ({"model": {"name": "rk4", "stpes": 3}}, "model.stpes: unknown key. Did you mean 'steps'?"),
    ],
)
def test_what_only_a_network_can_do_is_refused(run, tmp_path, changes, message):
    code, _, errors = run({"model": "rk4", **changes})
    assert code == 2
    assert message in errors
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("model", ["rk4", "thin_lens", {"name": "polynomial", "folded": True}, "polynomial"])
def test_data_that_do_not_say_their_field(run, tmp_path, model, simulated, small_job):
    random = np.random.default_rng(1)
    start = random.uniform(-1, 1, (300, 6)) * [300, 250, 0.3, 0.25, 0.1, 0] + [0, 0, 0, 0, 0, 5161.0]
    p = 1 / np.abs(start[:, 4])
    end = np.stack([start[:, 0] + 5161 * start[:, 2], start[:, 1] + 5161 * start[:, 3], start[:, 2], start[:, 3]], 1)
    planes = np.tile([2665.0, 7826.0], (300, 1))
    np.savez(tmp_path / "tracks.npz", X=start, Y=end, P=p, Z=planes)
    dataset = {"name": "track_states", "files": str(tmp_path / "tracks.npz")}
    code, _, errors = run({"model": model, "dataset": dataset})
    if model == "polynomial":
        assert code == 0
        return
    assert code == 2
    expected = "'field' in the dataset, or data of 'simulate'"
    place = "model.folded: the field of the data" if isinstance(model, dict) else f"model: the model {model!r} needs"
    assert place in errors
    assert "is not known" in errors
    assert expected in errors
    if model == "rk4":
        absent = {"name": "harmonic", "file": str(tmp_path / "absent.npz")}
        code, _, errors = run({"model": model, "dataset": {**dataset, "field": absent}})
        assert code == 2
        assert errors.startswith("dataset.field.file: cannot read the fitted field (No such file or directory)")
        assert run({"model": model, "dataset": {**dataset, "field": {"name": "uniform", "by": 0.0}}})[0] == 0
