"""Trainings of every kind of network with one, two and three events in each split."""

from __future__ import annotations

import json
import math

import pytest

from app.config.job_file import parse
from app.execution.session import Options
from app.execution.single import train_job
from app.predictions import Predictions

TRACKS = {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}}
SENSORS = {"name": "photon_sensors", "simulate": {"events": 80, "shard_size": 80, "light_sources": 2}}
PLANES = {"name": "plane_images", "simulate": {"events": 80, "shard_size": 80, "kind": "es"}, "sum_ticks": 4}
VOLUMES = {"name": "volume_images", "simulate": {"events": 80, "shard_size": 80}, "sum_ticks": 6}
HITS = {"name": "muon_hits", "simulate": {"name": "muon_hits", "events": 150, "shard_size": 150, "noise": 10}}
STATE = {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}
DIRECTION = {
    "targets": ["direction_x", "direction_y", "direction_z"], "loss": "von_mises_fisher", "metrics": ["direction"]
}  # fmt: skip
CURVATURE = {"targets": "q_over_pt", "metrics": ["muon_pt"]}
CLASS = {"targets": "is_es", "loss": "binary_crossentropy", "metrics": ["classification"]}
LIGHT = {
    "targets": "energy",
    "transform": ["log", "standardize"],
    "loss": "gaussian_nll",
    "metrics": ["energy"],
}
SMALL = {"conv_layers": 2, "filters": 4, "dense_units": 8}
FAMILIES = {
    "mlp": (TRACKS, {"name": "mlp", "hidden": [8]}, STATE),
    "pinn": (TRACKS, {"name": "pinn", "hidden": [8]}, STATE),
    "planes": ({**PLANES, "planes": ["x"]}, {"name": "plane_cnn", **SMALL}, DIRECTION),
    "attention": (PLANES, {"name": "three_plane_attention", **SMALL}, DIRECTION),
    "volumes": (VOLUMES, {"name": "volume_cnn", **SMALL, "stride": [2, 2]}, CLASS),
    "hits": (HITS, {"name": "hit_transformer", "embedding": [8], "width": 8, "attention_heads": 2}, CURVATURE),
    "pooled hits": (HITS, {"name": "deep_sets", "phi": [8], "rho": [8]}, CURVATURE),
    "sensors": (SENSORS, "flat_mlp", LIGHT),
    "encoded sensors": (SENSORS, {"name": "calorimeter_encoder", "preset": "small"}, LIGHT),
}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_few_events_in_each_split_are_enough(name, rows, simulated, monkeypatch, tmp_path):
    """With three, the last batch has one event; metrics and baselines are finite or left out, without a warning."""
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    dataset, model, task = FAMILIES[name]
    training = {"epochs": 2, "batch_size": min(rows, 2), "xla": False}
    job = {
        "name": "few",
        "application": "few",
        "dataset": dataset,
        "model": model,
        "tasks": {"a": task},
        "training": training,
    }
    run = train_job(parse(job), Options(tmp_path / "job.json", limit=rows))
    history = json.loads(run.history.read_text())
    assert all(math.isfinite(entry["loss"]) for entry in history["train"] + history["val"])
    assert len(Predictions.read(run.predictions)) == rows
