"""`import wirechamber`: every block of docs/python.md is executed, and what it gives has the right values."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wirechamber

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(), re.M | re.S)
COLUMNS = ("x", "y", "tx", "ty", "qop", "dz")


def execute(blocks, folder, names=None):
    """Execute blocks one after the other, with the run and the job of `trained` in place of the shipped ones."""
    names = {} if names is None else names
    for block in blocks:
        code = block.replace("json/track_extrapolation/mlp_tiny.json", str(folder / "trained.json"))
        exec(code.replace("mlp_tiny", "trained"), names)
    return names


def test_the_blocks_give_what_they_say(copied, capsys):
    capsys.readouterr()
    names = execute([block for block in BLOCKS if "wirechamber.run(" not in block], copied)
    lines = capsys.readouterr().out.splitlines()
    wrong, fast, first, second = *lines[:2], *lines[-2:]  # between them the log of the process that trained
    assert wrong == "y: another number of events. Expected 2, as in x. Received 1."
    test = names["test"]
    assert fast.split()[0] == str((test.columns["p"] > 20).sum())
    assert first == second == "(128, 6) (128, 4)"
    assert names["found"]["x"].shape == (1,)
    history = json.loads((copied / "runs" / "trained" / "history.json").read_text())
    assert names["best"] == history["best_epoch"]
    assert names["history"]["val_pos_mean_mm"].tolist() == [epoch["pos_mean_mm"] for epoch in history["val"]]
    assert names["history"]["train_loss"].tolist() == [epoch["loss"] for epoch in history["train"]]

    inputs, targets = wirechamber.read_arrays(names["data"], "test")
    assert names["data"].columns == {"state": list(COLUMNS)}
    order = {key: row for row, key in enumerate(np.concatenate([e.key for e in names["data"].splits.test]).tolist())}
    rows = [order[key] for key in test.key.tolist()]
    found = names["model"].predict(dict(zip(COLUMNS, inputs["state"][rows].T, strict=True)))
    for position, target in enumerate(("x", "y", "tx", "ty")):
        np.testing.assert_allclose(found[target], test.predicted[target], rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(targets["state"][rows, position], test.true[target], rtol=1e-6)


@pytest.mark.slow
def test_a_job_is_run(copied):
    names = execute([b for b in BLOCKS if "read_job(" in b or ".run(" in b], copied, {"wirechamber": wirechamber})
    assert names["trained"].run.path == copied / "runs" / "short"
    assert names["trained"].job["training"]["epochs"] == 2
    record = json.loads((copied / "registry" / "runs" / "short.json").read_text())
    assert (record["state"], record["config"]) == ("done", str(copied / "runs" / "short" / "job.json"))
    with pytest.raises(wirechamber.UserError, match="the run exists already"):
        wirechamber.run(names["job"])


def test_batches_of_training_are_shuffled_and_the_others_come_once(copied):
    data = wirechamber.load_data(wirechamber.read_job(copied / "trained.json"))
    inputs, _ = wirechamber.read_arrays(data, "validation")
    once = np.concatenate([x["state"] for x, _ in wirechamber.read_batches(data, "validation", 17).as_numpy_iterator()])
    np.testing.assert_array_equal(once, inputs["state"])
    stored, size = wirechamber.read_arrays(data)[0]["state"], data.splits.train.rows
    (first,) = (
        x["state"] for x, _ in wirechamber.read_batches(data, "train", size, seed=3).take(1).as_numpy_iterator()
    )
    assert not np.array_equal(first, stored)
    np.testing.assert_array_equal(np.unique(first, axis=0), np.unique(stored, axis=0))
    with pytest.raises(wirechamber.UserError, match=r"^unknown split\. Did you mean 'validation'\?"):
        wirechamber.read_arrays(data, "valid")


def test_a_job_is_read_from_a_dictionary_and_changed(small_job):
    job = wirechamber.read_job(small_job, {"training.epochs": 7, "name": "long"})
    assert (job.name, job.training.epochs) == ("long", 7)
    assert wirechamber.read_job(job) == job
    with pytest.raises(wirechamber.UserError, match=r"^long\.training\.epoch: unknown key\. Did you mean 'epochs'\?"):
        wirechamber.read_job(job, {"training.epoch": 7})
    with pytest.raises(wirechamber.UserError, match="the warm-up is as long as the training"):
        wirechamber.read_job(small_job, {"training.schedule": {"name": "cosine", "warmup_epochs": 3}})


def test_a_sweep_is_not_one_job(tmp_path, small_job):
    (tmp_path / "job.json").write_text(json.dumps(small_job))
    sweep = {"job": "job.json", "sweep": {"seed": [1, 2]}, "name": "s{seed}"}
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    with pytest.raises(wirechamber.UserError, match=r"a sweep of 2 jobs\. Expected one job: `wirechamber run`"):
        wirechamber.read_job(tmp_path / "sweep.json")


def test_epochs_without_a_figure_have_nan():
    from app.history import tabulate

    train = [{"epoch": 1, "loss": 3.0, "stage_losses": [1.0, 2.0]}, {"epoch": 2, "loss": 2.0}]
    table = tabulate({"train": train, "val": [{"epoch": 2, "rms": 5.0, "loss": None}]})
    assert list(table) == ["epoch", "train_loss", "train_stage_1_loss", "train_stage_2_loss", "val_rms"]
    np.testing.assert_array_equal(table["train_stage_2_loss"], [2.0, np.nan])
    np.testing.assert_array_equal(table["val_rms"], [np.nan, 5.0])


def test_the_module_loads_nothing_until_it_is_asked(tmp_path):
    (tmp_path / "datasets.py").touch()
    code = """
import sys, wirechamber
assert not {"app", "numpy"} & set(sys.modules)
assert not hasattr(wirechamber, "lod")
import datasets
wirechamber.load
"""
    process = {"cwd": tmp_path, "env": {"PYTHONPATH": str(ROOT)}, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", code], **process, check=False)
    assert "ImportError: another package of this name was imported before: see the line above" in done.stderr
    assert f"the package 'datasets' of another program ({tmp_path}/datasets.py) was imported before" in done.stderr


def test_what_it_hands_on_is_documented():
    page = (ROOT / "docs" / "python.md").read_text()
    for name in set(wirechamber.__all__) - {"Data", "Job", "UserError"}:
        assert f"`{name}(" in page, name
        assert "Raises:" in getattr(wirechamber, name).__doc__, name


def test_a_wrong_name_is_told_before_tensorflow_is_loaded(tmp_path):
    code = """
import sys, wirechamber
try:
    wirechamber.load("absent")
except wirechamber.UserError as error:
    print(error, "tensorflow" in sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WIRECHAMBER_RUNS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"absent: no such run. Expected a run in {tmp_path}. False\n"


@pytest.mark.slow
def test_loading_a_run_prints_nothing(trained):
    code = "import wirechamber; print(wirechamber.load('trained').columns)"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WIRECHAMBER_RUNS": str(trained / "runs")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{{'state': {list(COLUMNS)}}}\n", "")
