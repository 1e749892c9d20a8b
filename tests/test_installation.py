"""`pip install .`: the program as a copy in site-packages, called from a folder that is no checkout."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from app.core.files import REPOSITORY

PACKAGES = ("app", "datasets", "jobs", "losses", "registry")
JOB = {
    "name": "tiny",
    "application": "track_extrapolation",
    "rationale": "A copy of the program is used as a checkout is.",
    "dataset": {"name": "track_states", "files": ["data.npz"]},
    "model": {"name": "mlp", "hidden": [8]},
    "tasks": {"state": {"targets": ["x", "y"], "transform": "kick", "loss": "mse", "metrics": ["track_residuals"]}},
    "training": {"epochs": 1, "batch_size": 64},
    "plots": [],
}
WORKFLOW = {"workflow": "flow", "rationale": "Nodes find the program.", "steps": {"train": {"jobs": ["job.json"]}}}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of an installation by pip, of nothing but what a wheel holds."""
    folder = tmp_path_factory.mktemp("installed")
    ignored = shutil.ignore_patterns("__pycache__", "runs", "*.egg-info")
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, folder / "source" / name, ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "wirechamber.py"):
        if (REPOSITORY / name).exists():
            shutil.copy(REPOSITORY / name, folder / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder / "lib"), str(folder / "source")], check=True)
    shutil.rmtree(folder / "source")
    return folder / "lib"


@pytest.fixture
def call(installed, tmp_path, monkeypatch):
    """Call the console command in a folder with a job and its data, and return what it printed."""
    rng = np.random.default_rng(1)
    start = np.concatenate([rng.uniform(-1, 1, (300, 4)), np.full((300, 2), [0.1, 5161.0])], axis=1)
    np.savez(tmp_path / "data.npz", X=start, Y=start[:, :4] + 0.1)
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    (tmp_path / "flow.json").write_text(json.dumps(WORKFLOW))
    subprocess.run(["git", "-C", str(tmp_path), "init", "--quiet"], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WIRECHAMBER_")}
    environment["PYTHONPATH"] = str(installed)

    def run(*words):
        command = [sys.executable, str(installed / "bin" / "wirechamber"), *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_commands_that_train_nothing(call, installed, tmp_path):
    assert "job.json: 1 job, valid" in call("validate", "job.json")
    assert "  huber " in call("list", "losses")
    submitted = call("submit", "job.json", "--dry-run")
    assert f"initialdir = {tmp_path}\n" in submitted
    assert f"cd {tmp_path} || exit 1\n" in submitted
    assert f"{sys.executable} {installed}/app/run.py --config {tmp_path}/runs/.condor/" in submitted
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "flow.json", "job.json", ".git"}


@pytest.mark.slow
def test_runs_and_registry_lie_in_the_working_directory(call, installed, tmp_path):
    call("run", "--config", "flow.json")
    assert (tmp_path / "runs" / "tiny" / "model.keras").exists()
    assert json.loads((tmp_path / "runs" / "tiny" / "provenance.json").read_text())["commit"] is None
    assert "tiny" in call("registry")
    assert (tmp_path / "registry" / "runs").is_dir()
    call("report")
    assert "tiny" in (tmp_path / "report.html").read_text()
    assert not (installed / "runs").exists()
    assert not (installed / "registry" / "runs").exists()
