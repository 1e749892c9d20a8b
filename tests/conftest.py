"""What every test runs in: quiet TensorFlow on the CPU, and runs and registry in a folder of its own."""

from __future__ import annotations

import os

# Before TensorFlow is loaded by anything. A GPU changes the last digits, so values are tested on the CPU.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest


@pytest.fixture(autouse=True)
def _own_roots(tmp_path, monkeypatch):
    """No test writes into the checkout's runs or registry."""
    monkeypatch.setenv("WIRECHAMBER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("WIRECHAMBER_REGISTRY", str(tmp_path / "registry"))
