"""Training: the plan of its steps, and what accumulation, precision, schedules and early stopping do to a real run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.checks.jobs import check_jobs
from app.config import Job
from app.config.job_file import parse
from app.core.errors import UserError
from app.execution.session import Options
from app.execution.single import train_job
from app.training.fit import plan
from app.training.recorder import Recorder
from registry import read, root


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def _shared_data(monkeypatch, data_folder):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(data_folder))


def job(name: str = "trained", **training: object) -> Job:
    return parse(
        {
            "name": name,
            "application": "track_extrapolation",
            "dataset": {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 0.1}},
            "model": {"name": "mlp", "hidden": [16]},
            "tasks": {
                "state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}
            },
            "plots": [],
            "training": {"epochs": 4, "batch_size": 64, "schedule": "constant", **training},
        }
    )


def run(tmp_path, name="trained", xla=False, seed=None, steps_per_execution=1, **training):
    """Train without XLA and one step at a time, which takes less time to build, unless a test is about it."""
    config = tmp_path / "job.json"
    config.write_text("{}")
    made = job(name, xla=xla, steps_per_execution=steps_per_execution, **training)
    made = made if seed is None else made.model_copy(update={"seed": seed})
    directory = train_job(made, Options(config=config, overwrite=True))
    return directory, json.loads(directory.history.read_text())


COMPILED = {"xla": True, "steps_per_epoch": 8, "steps_per_execution": "auto"}


def losses(epochs):
    return [epoch["loss"] for epoch in epochs]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, data_folder):
    """Return what XLA's program wrote of its 4 epochs of 8 steps."""
    root = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        for name, path in {"DATA": data_folder, "RUNS": root / "runs", "REGISTRY": root / "registry"}.items():
            patch.setenv(f"WIRECHAMBER_{name}", str(path))
        return run(root, **COMPILED)[1]["train"]


@pytest.mark.parametrize(
    ("rows", "training", "expected"),
    [
        (12_000, {"batch_size": 256}, (47, 47)),
        (12_000, {"batch_size": 16}, (756, 63)),  # 750 steps in 12 executions
        (12_000, {"batch_size": 256, "steps_per_epoch": 1000}, (1000, 50)),  # the largest divisor up to 64
        (12_000, {"batch_size": 256, "steps_per_epoch": 997}, (997, 1)),  # asked for: never another number of steps
        (12_000, {"batch_size": 256, "steps_per_execution": 10}, (50, 10)),
        (10, {"batch_size": 256}, (1, 1)),
    ],
)
def test_the_plan_divides_an_epoch_into_whole_executions(rows, training, expected):
    steps = plan(job(**training), rows, parameters=5_000)
    assert (steps.steps_per_epoch, steps.steps_per_execution) == expected


def test_a_heavy_step_comes_back_to_python_more_often():
    assert plan(job(batch_size=2048), 10**6, 430_000).steps_per_execution == 3
    assert plan(job(batch_size=2048), 10**6, 10**8).steps_per_execution == 1


def test_xla_compiles_a_light_model_unless_told_otherwise():
    assert plan(job(), 1000, 5000).xla is True
    assert plan(job(xla=False), 1000, 5000).xla is False


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tmp_path, compiled):
    assert run(tmp_path, "again", **COMPILED)[1]["train"] == compiled
    changed = run(tmp_path, "changed", steps_per_epoch=8, epochs=1, seed=7)[1]["train"]
    assert changed[0]["loss"] != pytest.approx(compiled[0]["loss"], rel=1e-3)  # more than XLA's rounding


def test_xla_and_several_steps_in_one_execution_change_nothing_but_rounding(tmp_path, compiled):
    plain = losses(run(tmp_path, steps_per_epoch=8)[1]["train"])
    several = losses(run(tmp_path, steps_per_execution=8, steps_per_epoch=8)[1]["train"])
    np.testing.assert_allclose(several, plain, rtol=1e-5)
    np.testing.assert_allclose(losses(compiled), plain, rtol=1e-4)


def test_accumulating_four_batches_is_one_batch_of_four_times_the_size(tmp_path):
    optimizer = {"name": "sgd", "learning_rate": 0.05}
    large = run(tmp_path, batch_size=128, steps_per_epoch=4, optimizer=optimizer)[1]
    split = run(tmp_path, batch_size=32, steps_per_epoch=16, optimizer=optimizer, gradient_accumulation=4)[1]
    for name in ("loss", "pos_mean_mm"):
        one, other = ([epoch[name] for epoch in history["val"]] for history in (large, split))
        np.testing.assert_allclose(other, one, rtol=1e-3)


def test_mixed_precision_trains_and_deploys_float32(tmp_path):
    from app.evaluation import load

    directory, history = run(
        tmp_path, mixed_precision=True, epochs=6, optimizer={"name": "adamw", "learning_rate": 0.01}
    )
    assert history["val"][-1]["loss"] < history["val"][0]["loss"]
    columns = {"x": [0.0], "y": [0.0], "tx": [0.1], "ty": [0.0], "qop": [0.02], "dz": [5161.0]}
    assert load(str(directory.path)).predict(columns)["x"].dtype == np.float32


def test_early_stopping_counts_epochs_without_improvement(tmp_path):
    directory, history = run(tmp_path, epochs=50, early_stopping={"patience": 3, "min_delta": 1e9})
    assert len(history["train"]) == 4  # the first epoch improves on nothing, three do not improve on it
    assert "early stopping: no improvement in 3 epochs" in directory.log.read_text()
    assert read(root(), "trained").state == "done"


def test_the_best_epoch_is_what_is_kept(tmp_path):
    history = run(tmp_path, epochs=6, optimizer={"name": "adam", "learning_rate": 0.3})[1]
    losses = [epoch["loss"] for epoch in history["val"]]
    assert history["best_epoch"] == 1 + int(np.argmin(losses))
    assert history["best_val_loss"] == min(losses)
    assert read(root(), "trained").best_epoch == history["best_epoch"]


def test_the_monitored_figure_decides_on_the_best_epoch_and_on_early_stopping(tmp_path):
    rates = {"name": "adam", "learning_rate": 0.3}
    history = run(tmp_path, "mean", monitor="val_pos_mean_mm", epochs=6, optimizer=rates)[1]
    figures = [epoch["pos_mean_mm"] for epoch in history["val"]]
    assert history["best_epoch"] == 1 + int(np.argmin(figures))
    assert history["best_val_loss"] == history["val"][history["best_epoch"] - 1]["loss"]
    stopping = {"patience": 2, "min_delta": 1e9}
    directory, history = run(tmp_path, "stops", monitor="val_tx_mean", epochs=9, early_stopping=stopping)
    assert len(history["train"]) == 3
    assert "no improvement in 2 epochs" in directory.log.read_text()


@pytest.mark.parametrize(("higher", "best"), [(False, 2), (True, 3)])
def test_high_is_good_where_the_figure_says_so(higher, best):
    class Network:
        def get_weights(self):
            return ["weights"]

    recorder = Recorder(job(monitor="val_accuracy").training, None, None, dict, lambda _: None, higher=higher)
    recorder.set_model(type("Objective", (), {"network": Network()})())
    for epoch, accuracy in enumerate([0.5, 0.4, 0.7], start=1):
        recorder.progress.epoch = epoch
        recorder.keep_best(1.0, recorder.sign * accuracy)
    assert recorder.progress.best_epoch == best


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("val_pos_mean", r"training.monitor: never logged by this job. Did you mean 'val_pos_mean_mm'\?"),
        ("pos_mean_mm", "training.monitor: never logged by this job. Did you mean 'val_pos_mean_mm'"),
        ("val_x_bias_mm", "training.monitor: cannot tell whether a low or a high 'x_bias_mm' is better"),
    ],
)
def test_a_figure_that_cannot_be_monitored_is_refused_before_the_training(monitor, message):
    with pytest.raises(UserError, match=message):
        check_jobs([job(monitor=monitor)])


def test_cosine_learning_rates_stand_in_the_history(tmp_path):
    schedule = {"name": "cosine", "warmup_epochs": 1}
    rates = [
        e["lr"] for e in run(tmp_path, schedule=schedule, optimizer={"name": "adam", "learning_rate": 0.01})[1]["train"]
    ]
    np.testing.assert_allclose(rates, 0.01 * 0.5 * (1 + np.cos(np.pi * np.arange(4) / 3)), atol=1e-8)
