"""`wirechamber run`: everything that a run leaves behind, and everything that it must not touch."""

import json
import re

import numpy as np
import pytest

import registry
from app.cli import main
from app.plots.drawing.thumbnails import SMALL

ARTEFACTS = {
    *("job.json", "provenance.json", "normalization.json", "model_config.json", "history.json", "model.keras"),
    *("metrics.json", "predictions.csv", "log.txt", "checkpoints", "plots"),
}
PER_EPOCH = {
    *("pos_mean_mm", "pos_std_mm", "pos_median_mm", "pos_68_mm", "pos_95_mm", "pos_99_mm", "x_mean_mm", "y_mean_mm"),
    *("slope_mean", "tx_mean", "ty_mean", "x_bias_mm", "y_bias_mm", "tx_bias", "ty_bias"),
}


def read(folder, name):
    return json.loads((folder / "runs" / "trained" / name).read_text())


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def write(tmp_path):
    def writer(content, name="job.json"):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return str(path)

    return writer


def test_the_directory_holds_what_is_promised_and_nothing_else(trained):
    run = trained / "runs" / "trained"
    copies = {"components"}  # of components that the commit does not have, where the checkout has changes
    assert {path.name for path in run.iterdir()} - copies == ARTEFACTS
    assert {path.name for path in (run / "plots").iterdir()} == {
        *("error_against_momentum.png", "loss_curves.png", "residuals.png", "truth_prediction.png"),
        *("resolution_state.png", "resolution_state.pdf"),
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (run / "plots").glob("*.png"))
    assert max(path.name for path in (run / "checkpoints").iterdir()) == "epoch_000003"


def test_the_report_finds_small_plots(trained):
    large = {
        path.name for path in (trained / "runs" / "trained" / "plots").glob("*.png") if path.stat().st_size > SMALL
    }
    assert large
    assert {path.name for path in (trained / "runs" / ".report" / "trained").iterdir()} == large


def test_history_has_the_documented_form(trained):
    history = read(trained, "history.json")
    assert set(history) == {"train", "val", "test_final", "best_epoch", "best_val_loss", "training_time"}
    assert [epoch["epoch"] for epoch in history["train"]] == [epoch["epoch"] for epoch in history["val"]] == [1, 2, 3]
    for train, val in zip(history["train"], history["val"], strict=True):
        assert set(train) == {"epoch", "loss", "data_loss", "lr"}
        assert train["data_loss"] == train["loss"] > 0
        assert PER_EPOCH | {"epoch", "loss"} <= set(val)
    losses = [epoch["loss"] for epoch in history["val"]]
    assert history["best_val_loss"] == min(losses)
    assert history["best_epoch"] == 1 + losses.index(min(losses))
    assert history["training_time"] > 0


def test_metrics_are_next_to_the_baselines_and_agree_with_the_predictions(trained, predicted):
    state = read(trained, "metrics.json")["state"]
    assert (state["metric"], state["better"]) == ("pos_mean_mm", "lower")
    assert set(state["baselines"]) == {"straight_line", "polynomial"}
    for figures, prefix in [(state["model"], "pred_"), *((v, f"{n}.") for n, v in state["baselines"].items())]:
        error = np.hypot(predicted[f"{prefix}x"] - predicted["true_x"], predicted[f"{prefix}y"] - predicted["true_y"])
        assert figures["pos_mean_mm"] == pytest.approx(error.mean(), rel=1e-5, abs=1e-5)
        assert figures["pos_95_mm"] == pytest.approx(np.percentile(error, 95), rel=1e-5, abs=1e-5)
        assert figures["rows"] == len(error) == sum(one["rows"] for one in figures["bins"])
    final = read(trained, "history.json")["test_final"]
    assert final == {k: v for k, v in state["model"].items() if isinstance(v, (int, float))}


def test_the_truth_in_the_predictions_is_that_of_the_data(predicted, tracks):
    for position, name in enumerate(("x", "y", "tx", "ty")):
        np.testing.assert_allclose(predicted[f"true_{name}"], tracks["Y"][:, position], rtol=1e-7)
    np.testing.assert_allclose(predicted["p"], tracks["P"], rtol=1e-7)


def test_normalisation_and_model_configuration_describe_the_model(trained):
    normalization = read(trained, "normalization.json")
    assert normalization["inputs"]["state"]["columns"] == ["x", "y", "tx", "ty", "qop", "dz"]
    assert len(normalization["inputs"]["state"]["mean"]) == 6
    assert [step["step"] for step in normalization["tasks"]["state"]] == ["Kick", "Standardize"]
    model = read(trained, "model_config.json")
    assert model["parameters"] == 6 * 16 + 16 + 16 * 4 + 4
    assert {layer["name"]: layer["parameters"] for layer in model["layers"]}["hidden_1"] == 6 * 16 + 16


def test_provenance_says_where_the_run_came_from(trained, predicted):
    provenance = read(trained, "provenance.json")
    assert {"commit", "dirty", "versions", "host", "device", "dataset", "start", "end"} <= set(provenance)
    assert provenance["dataset"]["simulated"] is True
    assert provenance["dataset"]["units"] == {"x": "mm", "y": "mm", "tx": "", "ty": ""}
    rows = provenance["dataset"]["rows"]
    assert sum(rows.values()) == 600
    assert rows["test"] == len(predicted["key"])
    assert provenance["start"] <= provenance["end"]
    assert "CPU" in provenance["device"]


def test_the_registry_knows_the_result(trained):
    record = registry.read(trained / "registry", "trained")
    model, baselines = (read(trained, "metrics.json")["state"][key] for key in ("model", "baselines"))
    assert (record.state, record.epoch, record.epochs, record.parameters) == ("done", 3, 3, 180)
    assert (record.metric, record.value) == ("pos_mean_mm", model["pos_mean_mm"])
    assert record.baselines == {name: figures["pos_mean_mm"] for name, figures in baselines.items()}
    assert (record.model, record.loss, record.transform, record.simulated) == ("mlp 16", "mse", "kick", True)
    assert record.verdict.startswith("does NOT beat polynomial")
    assert "trained" in (trained / "registry" / "README.md").read_text()


def test_the_log_names_device_data_and_verdict(trained):
    log = (trained / "runs" / "trained" / "log.txt").read_text()
    assert "no GPU found" in log
    assert "SIMULATED, 600 tracks" in log
    assert "does NOT beat polynomial" in log
    assert log.count("WARNING") == 1


def test_the_resolved_job_is_itself_runnable(trained, tmp_path, simulated, monkeypatch, capsys):
    """It trains the same model again: same data, same seed, same figures."""
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    assert (
        main(["run", "--config", str(trained / "runs" / "trained" / "job.json"), "--set", 'plots=["residuals"]']) == 0
    )
    again = json.loads((tmp_path / "runs" / "trained" / "metrics.json").read_text())
    expected = read(trained, "metrics.json")
    assert again["state"]["model"]["pos_mean_mm"] == pytest.approx(expected["state"]["model"]["pos_mean_mm"], rel=1e-3)
    assert again["state"]["baselines"] == expected["state"]["baselines"]
    output = capsys.readouterr().out
    for word in ("5 - 10", "polynomial", "straight_line", "directory: ", "residuals.png"):
        assert word in output


def test_a_dry_run_says_what_a_run_would_be_and_writes_nothing(small_job, tmp_path, capsys, monkeypatch, write):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(tmp_path / "data"))
    small_job["dataset"]["simulate"]["tracks"] = 50_000
    path = write(small_job)
    before = contents(tmp_path)
    assert main(["run", "--config", path, "--dry-run"]) == 0
    assert contents(tmp_path) == before
    assert {entry.name for entry in tmp_path.iterdir()} == {"job.json"}
    output = capsys.readouterr().out
    assert "small on CPU" in output
    assert "180 parameters" in output
    assert "about 40,000 training events" in output
    steps = int(re.search(r"steps: (\d+) in each of 3 epochs, batch 64", output)[1])
    assert 40_000 / 64 <= steps < 1.1 * 40_000 / 64
    assert "memory: about" in output
    assert "nothing was written" in output


def test_limit_makes_a_smoke_run(small_job, tmp_path, write):
    assert main(["run", "--config", write(small_job), "--limit", "40", "--set", "training.epochs=1"]) == 0
    provenance = json.loads((tmp_path / "runs" / "small" / "provenance.json").read_text())
    assert provenance["dataset"]["rows"] == {"train": 40, "validation": 40, "test": 40}
    record = registry.read(tmp_path / "registry", "small")
    assert record.dataset == "600 tracks in 1 file, at most 40 in each split"
    assert provenance["dataset"]["fingerprint"].endswith(", first 40")  # no run on all events stands in the same table


def test_an_existing_run_is_left_alone(copied, capsys):
    before = contents(copied)
    assert main(["run", "--config", str(copied / "trained.json")]) == 2
    text = capsys.readouterr().err
    assert "the run exists already" in text
    assert "--resume" in text
    assert "--overwrite" in text
    assert contents(copied) == before


def test_overwrite_replaces_the_whole_run(copied):
    stray = copied / "runs" / "trained" / "plots" / "stray.png"
    stray.write_bytes(b"")
    assert (
        main(
            [
                "run",
                "--config",
                str(copied / "trained.json"),
                "--overwrite",
                "--set",
                "training.epochs=1",
                "--set",
                "plots=[]",
            ]
        )
        == 0
    )
    assert not stray.exists()
    assert len(read(copied, "history.json")["train"]) == 1
    assert registry.read(copied / "registry", "trained").epochs == 1


def test_a_finished_run_is_resumed_without_training(copied):
    """Another reason, or other plots, are the same training."""
    before = read(copied, "history.json")
    again = ("--resume", "--set", "rationale=Another reason.", "--set", "plots=[]")
    assert main(["run", "--config", str(copied / "trained.json"), *again]) == 0
    assert read(copied, "history.json")["train"] == before["train"]
    record = registry.read(copied / "registry", "trained")
    assert (record.state, record.rationale) == ("done", "Another reason.")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("training.epochs=4", "training.epochs: differs from the run that is resumed. Expected 3, as in the run,"),
        ("model.hidden=[8]", "model.hidden: differs"),
        ("tasks.state.loss=huber", "tasks.state.loss"),
        ("seed=1", "seed: differs"),
    ],
)
def test_another_job_is_not_resumed_and_the_key_is_named(copied, capsys, change, key):
    before = contents(copied)
    assert main(["run", "--config", str(copied / "trained.json"), "--resume", "--set", change]) == 2
    assert key in capsys.readouterr().err
    assert contents(copied) == before


def test_a_sweep_runs_all_its_jobs(small_job, tmp_path, write, capsys):
    write(small_job, "one.json")
    sweep = {"job": "one.json", "sweep": {"model.hidden": [[4], [6]]}, "name": "w{model.hidden}", "rationale": "Width."}
    assert main(["run", "--config", write(sweep), "--set", "training.epochs=1"]) == 0
    records = [registry.read(tmp_path / "registry", name) for name in ("w4", "w6")]
    assert [(r.parameters, r.state, r.rationale) for r in records] == [(48, "done", "Width."), (70, "done", "Width.")]
    output = capsys.readouterr().out
    assert output.index("w4, state") < output.index("w6, state")
    summary = output[output.index("the sweep") :]
    for record in records:
        line = next(line for line in summary.splitlines() if f" {record.run} " in line)
        assert f" {record.parameters} " in line
        assert f" {registry.cells.figure(record, record.metric)} " in line
