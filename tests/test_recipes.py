"""The recipes of the README, read out of it and followed: each component is registered, listed and trained."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from app.checks.jobs import load_checked_jobs
from app.cli import main
from app.commands.schema import schema
from app.config.job_file import merge, parse
from app.config.reference import CATALOGS
from app.data.loading import load_data
from app.runs.directory import RunDirectory
from app.training.build import build

ROOT = Path(__file__).resolve().parents[1]
RECIPES = dict(re.findall(r"^### Add a (\w+)\n(.*?)(?=^###? |\Z)", (ROOT / "README.md").read_text(), re.M | re.S))
KINDS = {"loss": "losses", "metric": "metrics", "model": "models", "dataset": "datasets"}


def blocks(kind):
    """Return path, Python and JSON of a recipe."""
    ((path, code),) = re.findall(r"^```python\n# (\S+)\n(.*?)^```", RECIPES[kind], re.M | re.S)
    (fragment,) = re.findall(r"^```json\n(.*?)^```", RECIPES[kind], re.M | re.S)
    return Path(path), code, json.loads(fragment)


@pytest.fixture
def follow(tmp_path, monkeypatch):
    """Follow a recipe: its file becomes a module of the package that its path names; undone after the test."""

    def follower(kind):
        path, code, fragment = blocks(kind)
        catalog = CATALOGS[KINDS[kind]]
        assert ".".join(path.parent.parts) == catalog.package
        catalog.names()
        others = {
            name: one for name, one in catalog._components.items() if name != path.stem
        }  # if it was followed before
        monkeypatch.setattr(catalog, "_components", others)
        (tmp_path / path.name).write_text(code)
        name = ".".join(path.with_suffix("").parts)
        module = importlib.util.module_from_spec(
            spec := importlib.util.spec_from_file_location(name, tmp_path / path.name)
        )
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return path.stem, module, fragment

    return follower


def test_there_are_four_recipes():
    assert set(RECIPES) == set(KINDS)


def one_step(content, folder):
    from app.training.fit import train

    one = {"epochs": 1, "steps_per_epoch": 1, "batch_size": 32, "xla": False}
    job = parse(content | {"training": one})
    data = load_data(job)
    built = build(job, data)
    history = train(job, data, built, RunDirectory(folder), resume=False, report=lambda _: None)
    assert math.isfinite(history["train"][0]["loss"])
    return history["val"][0], built


def listed(kind, name, capsys):
    assert main(["list", KINDS[kind], name]) == 0
    assert name in json.dumps(schema())
    return capsys.readouterr().out


def test_the_loss(follow, small_job, tmp_path, capsys):
    name, module, fragment = follow("loss")
    found = module.cauchy(np.zeros((2, 2), np.float32), np.array([[0.0, 1.0], [2.0, 2.0]], np.float32), scale=2.0)
    np.testing.assert_allclose(found, [math.log(1.25) / 2, math.log(2.0)], rtol=1e-6)
    with pytest.raises(ValueError, match="equal shapes"):
        module.cauchy(np.zeros((2, 1), np.float32), np.zeros((2, 2), np.float32))
    half = module.cauchy(np.zeros((2, 2), np.float16), np.full((2, 2), 300, np.float16))
    assert half.dtype == "float32"
    assert all(part in module.cauchy.__doc__ for part in ("Args:", "y_true:", "y_pred:", "scale:", "Returns:", "(N,)"))
    assert "number > 0; 1.0" in listed("loss", name, capsys)
    one_step(merge(small_job, fragment), tmp_path)


def test_the_metric(follow, small_job, tmp_path, capsys):
    name, _, fragment = follow("metric")
    assert "beyond" in listed("metric", name, capsys)
    validation, _ = one_step(merge(small_job, fragment), tmp_path)
    assert 0 <= validation["tail_fraction"] <= 1
    assert "pos_mean_mm" in validation


def test_the_model(follow, small_job, tmp_path, capsys):
    name, _, fragment = follow("model")
    assert "whole number >= 1; 3" in listed("model", name, capsys)
    _, built = one_step(merge(small_job, fragment), tmp_path)
    width, hidden = 32, 2
    assert built.network.count_params() == 7 * width + hidden * (width + 1) * width + (width + 1) * 4


def test_the_dataset(follow, small_job, tmp_path, capsys, monkeypatch):
    name, _, fragment = follow("dataset")
    radius = np.random.default_rng(1).uniform(0, 15, 400)
    np.savez(tmp_path / "tubes.npz", time=12.5 + radius / 0.05, radius=radius)
    monkeypatch.setenv("DRIFT_TUBES", str(tmp_path))
    assert "t0" in listed("dataset", name, capsys)
    (tmp_path / "tubes.json").write_text(json.dumps(fragment))
    assert [job.name for job in load_checked_jobs(tmp_path / "tubes.json", [])] == ["tubes"]
    del small_job["tasks"]
    validation, _ = one_step(merge(small_job, fragment), tmp_path)
    assert validation["relative_rms"] > 0
