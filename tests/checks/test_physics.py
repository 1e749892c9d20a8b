"""The user's mistakes with physics terms: one clear line, exit code 2, before the data are read where that can be."""

from __future__ import annotations

import json

import numpy as np
import pytest

import registry
from app.cli import main

PINN = {"name": "pinn", "hidden": [8]}
RK_PINN = {"name": "rk_pinn", "hidden": [8]}
SIMULATE = {"tracks": 300, "momentum": [5, 100], "accuracy": 1.0}
KICK = {"targets": ["x", "y", "tx", "ty"], "transform": "kick"}


def simulated_in(field, **changes):
    return {"name": "track_states", "simulate": {**SIMULATE, "field": field, **changes}}


@pytest.fixture
def run_command(small_job, tmp_path, capsys):
    """Return a function from a command and changes of a job to exit code and the lines on standard error."""

    def teller(command, changes):
        path = tmp_path / "job.json"
        path.write_text(json.dumps({**small_job, "model": PINN, **changes}))
        capsys.readouterr()
        code = main([*(["run", "--config"] if command == "run" else [command]), str(path)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.err.splitlines()

    return teller


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        (
            {"tasks": {"state": {**KICK, "weight": 0}}, "constraints": [{"name": "lorentz_residual", "weight": 0}]},
            "small.tasks: the weights of all tasks and constraints are 0, so there is nothing to learn.",
        ),
        (
            {"tasks": {"state": {**KICK, "weight": 0}}},
            "small.tasks: the weights of all tasks and constraints are 0, so there is nothing to learn.",
        ),
        (
            {"model": {"name": "mlp", "hidden": [8]}, "constraints": ["lorentz_residual"]},
            "small.constraints.0: 'lorentz_residual' does not apply to the model 'mlp'. Expected the model 'pinn'.",
        ),
        (
            {"model": RK_PINN, "constraints": [{"name": "initial_condition", "weight": 0}, "lorentz_residual"]},
            "small.constraints.1: 'lorentz_residual' does not apply to the model 'rk_pinn'. Expected the model 'pinn'.",
        ),
        (
            {"constraints": ["stage_residual"]},
            "small.constraints.0: 'stage_residual' does not apply to the model 'pinn'. Expected the model 'rk_pinn'.",
        ),
        (
            {"model": RK_PINN, "constraints": [{"name": "stage_residual", "stages": 5}]},
            "small.constraints.0.stages: more stages than the model has heads. Expected at most 4. Received 5.",
        ),
        (
            {"constraints": ["lorentz_residual", {"name": "lorentz_residual", "weight": 1}]},
            "small.constraints.1: 'lorentz_residual' is at constraints.0 already. Expected each constraint once.",
        ),
        (
            {"constraints": ["lorentz_residual"], "collocation": {"points": 0}},
            "job.collocation.points: not valid. Expected greater than or equal to 1. Received 0.",
        ),
        ({"tasks": {"pde": KICK}}, "small.tasks.pde: a task cannot have this name. Expected another name than those"),
        ({"tasks": {"stage_2": KICK}}, "small.tasks.stage_2: a task cannot have this name."),
        ({"tasks": {"data": KICK}}, "small.tasks.data: a task cannot have this name."),
        ({"tasks": {"physics": KICK}}, "small.tasks.physics: a task cannot have this name."),
        ({"tasks": {"path": KICK}}, "small.tasks.path: a task cannot have this name."),
        ({"tasks": {"val_state": KICK}}, "small.tasks.val_state: a task cannot have this name."),
        (
            {"model": {**PINN, "inputs": {"mirror": True}}, "dataset": simulated_in({"name": "uniform", "bx": 0.1})},
            "small.model.inputs.mirror: the field 'uniform' is not symmetric in x. Expected false, or a field with By",
        ),
        (
            {"model": {**PINN, "inputs": {"mirror": True}}, "dataset": simulated_in({"name": "uniform", "bz": 0.1})},
            "small.model.inputs.mirror: the field 'uniform' is not symmetric in y.",
        ),
        ({"unlabelled": {}}, "job.unlabelled: give exactly one of 'files' and 'simulate'."),
    ],
)
def test_before_any_data_are_read(run_command, changes, start):
    code, lines = run_command("validate", changes)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(start)
    assert run_command("run", changes) == (code, lines)


@pytest.mark.parametrize(
    "changes",
    [
        {"constraints": ["lorentz_residual", "initial_condition"]},  # of a hard form: an ablation, reported in the log
        {"constraints": [{"name": "lorentz_residual", "weight": 0}], "model": {"name": "mlp", "hidden": [8]}},
        {"constraints": ["lorentz_residual"], "tasks": {"state": {**KICK, "weight": 0}}},  # physics alone
        {"constraints": [{"name": "stage_residual", "stages": 3}], "model": {**RK_PINN, "nodes": "quarters"}},
        {"model": {**PINN, "inputs": {"mirror": True}}, "dataset": simulated_in("two_dipoles")},
        {"model": {**PINN, "inputs": {"mirror": True}}, "dataset": simulated_in({"name": "map", "file": "absent.npz"})},
    ],
)
def test_what_an_ablation_may_ask_for(run_command, changes):
    assert run_command("validate", changes) == (0, [])


def tilted_map(path):
    """Write a dipole on a grid that is stronger on one side."""
    x, y, z = np.linspace(-6000, 6000, 13), np.linspace(-6000, 6000, 13), np.linspace(0, 10000, 21)
    shape = np.exp(-0.5 * ((z - 5007) / 1744) ** 2) * (1 + 1e-5 * x[:, None, None]) + 0 * y[:, None]
    by = -np.broadcast_to(shape, (13, 13, 21))
    np.savez(path, x_mm=x, y_mm=y, z_mm=z, B_T=np.stack([0 * by, by, 0 * by], -1))
    return {"name": "map", "file": str(path)}


def test_a_mirror_in_a_map_without_the_symmetry(run_command, tmp_path):
    model, training = {**PINN, "inputs": {"mirror": True}}, {"epochs": 1, "xla": False}
    changes = {"model": model, "training": training, "dataset": simulated_in(tilted_map(tmp_path / "a.npz"))}
    code, lines = run_command("run", changes)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("model.inputs.mirror: the field 'map' is not symmetric in x. Expected false, or a field")


def test_momenta_that_a_logarithmic_weight_cannot_weigh(run_command):
    soft = simulated_in({"name": "uniform", "by": -1e-3}, momentum=[0.3, 1.0])
    code, lines = run_command("run", {"dataset": soft, "weighting": "log_momentum"})
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("weighting.0: 'log_momentum': ")
    assert "Expected p above 1/e = 0.368 GeV" in lines[0]


def test_another_field_than_the_files_were_made_in(run_command, tmp_path):
    options = ("--tracks", "80", "--momentum", "5", "100", "--accuracy", "1")
    assert main(["simulate", "track_states", "--out", str(tmp_path / "files"), *options]) == 0
    files = {"name": "track_states", "files": str(tmp_path / "files" / "*.npz")}
    other = {**files, "field": {"name": "gaussian_dipole", "peak": -1.0}}
    code, lines = run_command("run", {"dataset": other, "constraints": ["lorentz_residual"]})
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith(
        "dataset.field: another field than the data were generated with (peak: -1.0). Expected peak: -1.0182, or no"
    )


def foreign(path):
    """Write tracks whose file does not say which field they went through."""
    rng = np.random.default_rng(1)
    start = rng.uniform(-1, 1, (300, 6)) * [300, 250, 0.3, 0.25, 0.1, 0] + [0, 0, 0, 0, 0.15, 5161]
    end = np.c_[start[:, :2] + 5161 * start[:, 2:4] + start[:, 4:5] * [3000, 30], start[:, 2:4] + start[:, 4:5]]
    np.savez(path, X=start.astype(np.float32), Y=end.astype(np.float32), Z=np.tile([2665.0, 7826.0], (300, 1)))
    return {"name": "track_states", "files": str(path)}


def test_a_field_that_nobody_knows(run_command, tmp_path):
    code, lines = run_command("run", {"dataset": foreign(tmp_path / "a.npz"), "constraints": ["lorentz_residual"]})
    assert code == 2
    assert lines == [
        "constraints: the field of the data is not known. Expected 'field' in the dataset, or data of 'simulate'."
    ]


@pytest.mark.parametrize("executed", [1, 8])
def test_a_physics_term_that_is_not_finite_is_named(run_command, tmp_path, executed):
    """0 times infinity in the Maxwell term, in a file whose field the job states: the data loss itself is in order."""
    broken = {**foreign(tmp_path / "a.npz"), "field": {"name": "gaussian_dipole", "sigma": 1e-25, "maxwell": True}}
    training = {"epochs": 3, "batch_size": 16, "steps_per_epoch": 8, "steps_per_execution": executed, "xla": False}
    code, lines = run_command("run", {"dataset": broken, "constraints": ["lorentz_residual"], "training": training})
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"pde_loss is nan in batch {executed} of epoch 1; the training was stopped")
    record = registry.read(registry.root(), "small")
    assert (record.state, record.reason) == ("failed", lines[0])
