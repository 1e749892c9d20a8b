"""`wirechamber export`: what the file says of itself, agreement in metrics.json, and what cannot be exported."""

from __future__ import annotations

import json
import zipfile
from types import SimpleNamespace

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import uproot

import registry
from app.cli import main
from app.core.errors import UserError
from app.core.lock import locked
from app.export import onnx_file, parity
from app.export.graph import output_names, to_onnx
from app.export.onnx_file import with_parity
from app.predictions import Predictions
from app.runs.directory import RunDirectory


@pytest.fixture(scope="session")
def exported(tmp_path_factory, simulated):
    """Return a run whose job asks for both exports, and that was trained in half precision."""
    folder = tmp_path_factory.mktemp("exported")
    job = {
        "name": "exported",
        "application": "track_extrapolation",
        "dataset": {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}},
        "model": {"name": "mlp", "hidden": [16], "activation": "gelu"},
        "tasks": {"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "loss": "gaussian_nll"}},
        "training": {"epochs": 1, "batch_size": 64, "xla": False, "mixed_precision": True},
        "plots": [],
        "export": {"onnx": True, "root": True},
    }
    (folder / "job.json").write_text(json.dumps(job))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIRECHAMBER_DATA", str(simulated))
        patch.setenv("WIRECHAMBER_RUNS", str(folder / "runs"))
        patch.setenv("WIRECHAMBER_REGISTRY", str(folder / "registry"))
        assert main(["run", "--config", str(folder / "job.json")]) == 0
    return RunDirectory(folder / "runs" / "exported")


def test_the_end_of_a_run_exports_as_its_job_says(exported):
    told = json.loads(exported.metrics.read_text())["state"]["onnx"]
    assert set(told["outputs"]) == {"predicted_state", "state_sigma"}
    assert max(one["max_rel"] for one in told["outputs"].values()) < 1e-5
    assert told["bytes"] == exported.onnx.stat().st_size
    assert 0 < told["events"] <= 1000


def test_the_file_says_where_it_comes_from_and_what_stands_where(exported):
    model = onnx.load(exported.onnx)
    onnx.checker.check_model(model, full_check=True)
    said = {one.key: one.value for one in model.metadata_props}
    provenance = json.loads(exported.provenance.read_text())
    assert said["job"] == "exported"
    assert said["commit"] == (provenance["commit"] or "")
    assert said["dataset_fingerprint"] == provenance["dataset"]["fingerprint"]
    assert float(said["z_start_mm"]) == 2665.0
    columns = json.loads(said["inputs"])["state"]["columns"]
    named = [(column["name"], column["unit"]) for column in columns]
    assert named == [("x", "mm"), ("y", "mm"), ("tx", ""), ("ty", ""), ("qop", "1/GeV"), ("dz", "mm")]
    outputs = json.loads(said["outputs"])
    assert outputs["predicted_state"]["what"] == "value"
    assert outputs["state_sigma"]["what"] == "sigma"
    assert [(c["name"], c["unit"]) for c in outputs["state_sigma"]["columns"]] == [
        ("x", "mm"), ("y", "mm"), ("tx", ""), ("ty", "")
    ]  # fmt: skip
    (shape,) = (one.type.tensor_type.shape.dim for one in model.graph.input)
    assert [dimension.dim_param or dimension.dim_value for dimension in shape] == ["events", 6]


def test_raw_columns_give_the_predictions_of_the_run(exported, simulated):
    predictions = Predictions.read(exported.predictions)
    (path,) = [p for p in simulated.glob("*/shard_00000.npz") if np.isin(predictions.key, np.load(p)["key"]).all()]
    with np.load(path) as data:
        place = {int(key): row for row, key in enumerate(data["key"])}
        state = data["X"][[place[int(key)] for key in predictions.key]].astype(np.float32)
    values, sigma = onnxruntime.InferenceSession(exported.onnx).run(
        ["predicted_state", "state_sigma"], {"state": state}
    )
    for i, name in enumerate(("x", "y", "tx", "ty")):  # they were trained, and predicted, in half precision
        assert values[:, i] == pytest.approx(predictions.predicted[name], rel=1e-3, abs=20 if i < 2 else 1e-2)
        assert sigma[:, i] == pytest.approx(predictions.sigma[name], rel=0.05)


def test_the_tree_holds_what_the_csv_holds(exported):
    predictions = Predictions.read(exported.predictions)
    with uproot.open(exported.root_predictions) as file:
        tree = file["predictions"].arrays(library="np")
        about = json.loads(file["about"])
    assert np.array_equal(tree["key"], predictions.key)
    assert tree["key"].dtype == np.uint64
    for name, prefix, values in (("true", "true_", predictions.true), ("pred", "pred_", predictions.predicted)):
        for target, column in values.items():
            assert tree[f"{prefix}{target}"] == pytest.approx(column, rel=1e-8), name
    assert tree["sigma_x"] == pytest.approx(predictions.sigma["x"], rel=1e-8)
    assert tree["polynomial_x"] == pytest.approx(predictions.baselines["polynomial"]["x"], rel=1e-8)
    assert about["run"] == "exported"
    assert about["dataset"]["units"]["x"] == "mm"


def test_by_hand_on_a_finished_run(copied, capsys, tmp_path):
    run = RunDirectory(copied / "runs" / "trained")
    assert main(["export", "trained", "--root", "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"model.onnx", "predictions.root"}
    assert "predicted_state" in capsys.readouterr().out
    told = json.loads(run.metrics.read_text())["state"]["onnx"]["outputs"]["predicted_state"]
    assert told["max_rel"] < 1e-5
    assert main(["evaluate", "trained", "--root"]) == 0
    assert json.loads(run.metrics.read_text())["state"]["onnx"]["outputs"]["predicted_state"] == told
    assert run.root_predictions.exists()


def test_a_model_that_differs_says_where_and_by_how_much(copied, monkeypatch, capsys):
    run = RunDirectory(copied / "runs" / "trained")
    run.onnx.write_bytes(b"an older one")
    monkeypatch.setattr(parity, "TOLERANCE", -1.0)
    assert main(["export", "trained"]) == 1
    assert "ONNX differs from Keras in predicted_state by " in capsys.readouterr().err
    assert run.onnx.read_bytes() == b"an older one"
    assert (run.path / "model.differs.onnx").exists()
    assert json.loads(run.metrics.read_text())["state"]["onnx"]["outputs"]["predicted_state"]["max_rel"] < 1e-5


def test_a_run_is_done_whatever_becomes_of_its_export(monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(onnx_file, "export_onnx", lambda *_: 1 / 0)
    job, run = SimpleNamespace(export=SimpleNamespace(onnx=True)), RunDirectory(tmp_path)
    results = {"state": {"model": {}}}
    assert onnx_file.export_after_run(job, run, None, None, results) is results
    assert "no model.onnx: division by zero" in caplog.text


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda run: run.model.unlink(), "the run has no model yet"),
    (lambda run: run.model.write_bytes(b"x"), "cannot be read as a model"),
    (lambda run: run.model.write_bytes(run.model.read_bytes()[:5000]), "model.keras: cannot be read as a model"),
    (lambda run: _archive(run.model, "[]"), "model.keras: cannot be read as a model (list indices"),
    (lambda run: run.metrics.write_text("{}"), "metrics.json: holds no task"),
    (lambda run: run.normalization.write_text("{}"), "normalization.json.columns: required key is missing"),
    (lambda run: run.provenance.unlink(), "provenance.json: is missing"),
    (lambda run: run.job.unlink(), "job.json: is missing"),
    (lambda run: run.metrics.write_text("{"), "metrics.json: cannot be read"),
    (lambda run: run.metrics.unlink(), "runs/trained: the run has not finished: there is no metrics.json"),
    (lambda run: run.job.write_text("[]"), "job.json: holds no JSON object"),
    (lambda run: registry.update(registry.root(), run.name, state="running"), "the run is running"),
    (lambda run: registry.update(registry.root(), run.name, state="failed", reason="NaN"), "the run is failed (NaN)"),
])  # fmt: skip
def test_what_is_no_finished_run(copied, monkeypatch, capsys, spoil, words):
    monkeypatch.setenv("WIRECHAMBER_RUNS", str(copied / "runs"))
    monkeypatch.setenv("WIRECHAMBER_REGISTRY", str(copied / "registry"))
    spoil(RunDirectory(copied / "runs" / "trained"))
    assert main(["export", "trained"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


def _archive(path, config):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in (("config.json", config), ("metadata.json", "{}"), ("model.weights.h5", "")):
            file.writestr(name, content)


def test_nothing_is_left_of_a_model_that_onnx_lacks_a_layer_for(copied, tmp_path, capsys):
    run = RunDirectory(copied / "runs" / "trained")
    state = keras.Input((6,), name="state")
    said = keras.ops.fft2((state[:, :4, None], state[:, :4, None]))[0][:, :, 0]
    keras.Model({"state": state}, {"state": said}).save(run.model)
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    assert main(["export", "trained", "--root", "--out", str(tmp_path / "new")]) == 2
    assert "export: ONNX has no operation for Complex (in " in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_a_run_that_a_process_works_on(copied, capsys):
    with locked(copied / "runs" / "trained" / ".lock", wait=0.0):
        assert main(["export", "trained"]) == 2
    assert "the run is running" in capsys.readouterr().err


def test_a_layer_that_onnx_lacks_is_named():
    inputs = {"a": keras.Input((4,), name="a")}
    said = keras.layers.Lambda(lambda values: keras.ops.ifft2((values[..., None], values[..., None]))[0], name="odd")(
        inputs["a"]
    )
    with pytest.raises(UserError, match=r"ONNX has no operation for .* \(in .*odd.*\)") as error:
        to_onnx(keras.Model(inputs, {"b": said}), "model")
    assert error.value.exit_code == 2


def test_functions_that_the_converter_does_not_know():
    inputs = {"a": keras.Input((3,), name="a")}
    tensor = inputs["a"]
    outputs = {"gelu": keras.layers.Activation("gelu")(tensor), "log1p": keras.ops.log1p(tensor * tensor),
               "expm1": keras.ops.expm1(tensor)}  # fmt: skip
    model = keras.Model(inputs, outputs)
    session = parity.open_session(to_onnx(model, "model").SerializeToString())
    values = np.linspace(-6, 3, 30, dtype=np.float32).reshape(10, 3)
    for name, said in zip(outputs, session.run(list(outputs), {"a": values}), strict=True):
        assert said == pytest.approx(np.asarray(model({"a": values})[name]), rel=1e-4, abs=1e-6)


def test_an_output_cannot_bear_the_name_of_an_input():
    tensor = keras.Input((2,), name="state")
    model = keras.Model({"state": tensor}, {"state": 2 * tensor, "state_sigma": tensor})
    assert output_names(model) == {"state": "predicted_state", "state_sigma": "state_sigma"}


def test_outputs_stand_with_their_task():
    found = {n: {"max_rel": 0.0, "max_abs": 0.0} for n in ("predicted_a", "a_b_sigma", "a_b", "hit_probability")}
    results = with_parity({"a": {"model": 1}, "a_b": {"model": 2}}, found, {"events": 3})
    assert set(results["a"]["onnx"]["outputs"]) == {"predicted_a", "hit_probability"}
    assert set(results["a_b"]["onnx"]["outputs"]) == {"a_b", "a_b_sigma"}
    assert results["a"]["onnx"]["events"] == 3


def test_what_is_finite_in_one_alone_differs():
    one, other = np.array([[1.0, np.nan]]), np.array([[1.0, 2.0]])
    assert parity.largest_difference([parity.compare_arrays(one, other)]) == {"max_abs": None, "max_rel": None}
    assert parity.largest_difference([parity.compare_arrays(one, one)]) == {"max_abs": 0.0, "max_rel": 0.0}
    found = parity.largest_difference(
        [parity.compare_arrays(np.array([[100.0, 0.5], [50.0, 1.0]]), np.array([[101.0, 0.5], [50.0, 0.9]]))]
    )
    assert found == {"max_abs": 1.0, "max_rel": pytest.approx(0.1)}
    assert parity.describe_differences({"x": {"max_abs": None, "max_rel": None}}) == [
        "x is finite in one of the two alone"
    ]


@pytest.mark.slow
def test_every_name_of_a_task_is_an_output_of_the_graph():
    """Also one that begins as no variable does, the longest, two that differ in case, and one of an input."""
    names = ["1st", "_x", "dE-dx", "x" * 120, "A", "a", "state", "network", "model"]
    state = keras.Input((3,), name="state")
    heads = {name: keras.layers.Dense(2, name=f"{name}_head")(state) for name in names}
    model = keras.Model({"state": state}, heads, name="model")
    session = onnxruntime.InferenceSession(to_onnx(model, "job.1+2").SerializeToString())
    events = {"state": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)}
    outputs = dict(zip([output.name for output in session.get_outputs()], session.run(None, events), strict=True))
    expected = model.predict(events, verbose=0)
    assert set(outputs) == {*names, "predicted_state"} - {"state"}
    for name, called in output_names(model).items():
        np.testing.assert_allclose(outputs[called], expected[name], atol=1e-6)
