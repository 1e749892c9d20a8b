"""The networks of other epochs than the best: `evaluate` and `export` with --epoch."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import registry
from app.cli import main
from app.config.job_file import parse
from app.core.errors import Interrupted
from app.data.loading import load_data
from app.evaluation import load
from app.evaluation.metrics import measure_events
from app.execution.session import Options, session
from app.runs.files import read_job
from app.runs.find import find_run
from app.training import checkpoint
from app.training.checkpoint import Progress
from app.training.kept_epochs import model_of


def test_the_network_of_an_epoch_gives_the_figures_of_that_epoch(copied):
    run = find_run("trained")
    job, history = read_job(run.job), json.loads(run.history.read_text())
    data = load_data(job)
    first = checkpoint.epochs(run.checkpoints)[0]
    model = model_of(run, job, data, first)
    results, _ = measure_events(job, data, data.splits.validation, model)
    assert results["state"]["model"]["pos_mean_mm"] == pytest.approx(history["val"][first - 1]["pos_mean_mm"], rel=1e-5)
    assert history["best_epoch"] == 3
    last, best = (one.get_weights() for one in (model_of(run, job, data, 3), load("trained").model))
    for one, other in zip(last, best, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_evaluate_and_export_write_into_a_folder_of_the_epoch(copied, capsys):
    run = find_run("trained")
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    first = str(checkpoint.epochs(run.checkpoints)[0])
    assert main(["evaluate", "trained", "--epoch", first, "--root"]) == 0
    assert main(["export", "trained", "--epoch", first]) == 0
    folder = run.path / "evaluation" / f"epoch_{first}"
    names = {path.name for path in folder.iterdir()}
    assert names == {"predictions.csv", "predictions.root", "metrics.json", "model.onnx"}
    metrics = json.loads((folder / "metrics.json").read_text())["state"]["model"]
    assert metrics["pos_mean_mm"] > json.loads(before["metrics.json"])["state"]["model"]["pos_mean_mm"]
    assert f"ONNX: {folder / 'model.onnx'}" in capsys.readouterr().out.replace("\n", "")
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_an_epoch_that_is_not_kept_is_refused_with_those_that_are(copied, command, capsys):
    folder = copied / "runs" / "trained" / "checkpoints"
    shutil.rmtree(folder)
    for epoch in (10, 20):
        (folder / f"epoch_{epoch:06d}").mkdir(parents=True)
    assert main([command, "trained", "--epoch", "14"]) == 2
    message = "trained.--epoch: no checkpoint of this epoch is kept. Did you mean '10'? "
    assert message + "Expected one of the epochs kept [10, 20]. Received 14." in capsys.readouterr().err
    shutil.rmtree(folder)
    assert main([command, "trained", "--epoch", "3"]) == 2
    assert "trained.--epoch: the run has no checkpoints. Expected a single training; its job keeps" in (
        capsys.readouterr().err
    )


def test_the_saved_predictions_are_not_those_of_another_epoch(copied, capsys):
    assert main(["export", "trained", "--epoch", "3", "--root"]) == 2  # the last epoch is always kept
    message = "--root: the saved predictions are of the best epoch. "
    assert message + "Expected wirechamber evaluate trained --epoch 3 --root." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("done", "kept", "message"),
    [
        (227, 210, "the last checkpoint is that of epoch 210; 17 of the 227 finished epochs will be repeated"),
        (210, 210, "the last checkpoint is that of epoch 210"),
        (3, None, "there is no checkpoint yet; 3 of the 3 finished epochs will be repeated"),
    ],
)
def test_an_interrupted_training_says_what_will_be_repeated(small_job, tmp_path, caplog, done, kept, message):
    def run_until_interrupted():
        with session(parse(small_job), Options(tmp_path / "job.json")) as run:
            registry.update(registry.root(), "small", epoch=done)
            if kept:
                checkpoint.save(run.checkpoints, Progress(epoch=kept), [], [], None)
            raise Interrupted("SIGINT")

    with pytest.raises(Interrupted):
        run_until_interrupted()
    assert message in [record.getMessage() for record in caplog.records]
