"""What every test runs in: quiet TensorFlow on the CPU, and runs and registry in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil

# Before TensorFlow is loaded by anything. A GPU changes the last digits, so values are tested on the CPU.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

COMPILED = {
    "argon": ("argon", "plane_images", "volume_images", "plane_quality", "volume_quality"),
    "xenon": ("xenon", "photon"),
}
"""Tests by the numba code that they call."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Give tests of one compiled code to one worker: with `--dist loadgroup` it is compiled once."""
    for item in items:
        for group, words in COMPILED.items():
            if any(word in item.path.name for word in words):
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _own_roots(tmp_path, monkeypatch):
    """No test writes into the checkout's runs or registry."""
    monkeypatch.setenv("WIRECHAMBER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("WIRECHAMBER_REGISTRY", str(tmp_path / "registry"))


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Return where simulated data lie: equal simulations of several tests are made once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def small_job(simulated, monkeypatch):
    """Return the content of a job that trains in a second, for a test to change."""
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    return {**small("small"), "plots": []}  # plots take longer than the training


def small(name):
    return {
        "name": name,
        "application": "track_extrapolation",
        "rationale": "A test.",
        "dataset": {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}},
        "model": {"name": "mlp", "hidden": [16]},
        "tasks": {"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}},
        "training": {"epochs": 3, "batch_size": 64, "optimizer": {"name": "adam", "learning_rate": 1e-2}, "xla": False},
    }


@pytest.fixture(scope="session")
def trained(tmp_path_factory, simulated):
    """Return a folder with runs/trained, registry/ and trained.json, made once; do not change it."""
    from app.cli import main

    folder = tmp_path_factory.mktemp("trained")
    job = folder / "trained.json"
    job.write_text(json.dumps(small("trained")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIRECHAMBER_DATA", str(simulated))
        patch.setenv("WIRECHAMBER_RUNS", str(folder / "runs"))
        patch.setenv("WIRECHAMBER_REGISTRY", str(folder / "registry"))
        assert main(["run", "--config", str(job)]) == 0
    return folder


@pytest.fixture
def copied(trained, tmp_path, simulated, monkeypatch):
    """Return a copy of `trained` as the roots of this test: its run is called "trained"."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    return tmp_path
