"""What every test runs in: quiet TensorFlow on the CPU, and runs and registry in a folder of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys

# Before TensorFlow is loaded by anything. A GPU changes the last digits, so values are tested on the CPU.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads of scikit-learn that wait use no processor
os.environ["TF2ONNX_CATCH_ERRORS"] = "FALSE"  # a failing optimizer is an error, and no graph is copied for fear of one
os.environ.pop("COLUMNS", None)  # of pytest-xdist's workers: each test says itself how wide a terminal is

import pytest
from untraced import leave_out_libraries

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):  # else each process of the tests compiles all sources again
    sys.dont_write_bytecode = False

COMPILED = {
    "argon": ("simulated_data", "argon", "plane_images", "volume_images", "plane_quality", "volume_quality"),
    "xenon": ("xenon", "photon"),
}
"""Tests by the numba code that they call."""
RATE = {"float": [1e-4, 1e-2], "log": True}
ORDER = {"test_real_electrons.py": -1, "test_job_files.py": 1}
"""The longest training first and the single jobs last: no worker waits for the other at the end."""


def together(nodeid):
    """Return what the tests of one worker have in common: compiled code, or a file, whose fixtures they share.

    The shipped jobs share nothing, and would keep one worker busy while the other waits.

    >>> together("tests/datasets/simulate/argon/test_events.py::test_decays"), together("tests/test_cli.py::test_help")
    ('argon', 'tests/test_cli.py')
    """
    path = nodeid.partition("::")[0]
    name = path.rpartition("/")[2]
    if name == "test_job_files.py":
        return nodeid
    return next((group for group, words in COMPILED.items() if any(word in path for word in words)), path)


def pytest_configure(config):
    """Measure the coverage of our code alone, before anything large is imported."""
    if config.getoption("cov_source", default=None):
        leave_out_libraries()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Send tests that belong together to one worker.

    pytest-xdist's own groups (`--dist loadgroup`) travel in the ids of the tests, and are lost with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return together(nodeid)

    return Together(config, log)


def pytest_collection_modifyitems(items):
    """Bring the files into the order in which they are handed out."""
    items.sort(key=lambda item: ORDER.get(item.path.name, 0))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Leave what is imported and collected here out of garbage collection: it lives as long as the process."""
    from app.core.libraries import keep_out_of_collection

    with keep_out_of_collection():
        return (yield)


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


@pytest.fixture
def space():
    """Return a space with a dimension that only one of the models has."""
    return {
        "model": {"choice": [{"name": "mlp", "hidden": [8]}, {"name": "mlp", "preset": "tiny"}]},
        "model.dropout": {"float": [0, 0.2], "step": 0.1, "when": {"model.preset": "tiny"}},
        "training.optimizer.learning_rate": RATE,
    }


@pytest.fixture
def searched(small_job):
    """Return a function that makes the content of a job with a search; parts of the job may be given as well."""

    def made(**given):
        job = {**small_job, **{key: given.pop(key) for key in list(given) if key in (*small_job, "ensemble")}}
        return {**job, "hyperopt": {"space": {"training.optimizer.learning_rate": RATE}, **given}}

    return made


def small(name):
    return {
        "name": name,
        "application": "track_extrapolation",
        "rationale": "A test.",
        "dataset": {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}},
        "model": {"name": "mlp", "hidden": [16]},
        "tasks": {"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}},
        # Without XLA and without several steps in one execution: both only take longer to build.
        "training": {
            **{"epochs": 3, "batch_size": 64, "optimizer": {"name": "adam", "learning_rate": 1e-2}},
            **{"xla": False, "steps_per_execution": 1},
        },
    }


@pytest.fixture(scope="session")
def make_once(tmp_path_factory):
    """Return a function from a name to a folder that the first worker fills by `make(folder)` while the others wait."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def make_once(name, make):
        folder, made = root / name, root / f"{name}.made"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    return make_once


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder in which 100 kB can be written."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", mount], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", mount], check=True)


def train_small(folder):
    """Train the job `trained` into folder/runs and folder/registry, on data in folder/data."""
    from app.cli import main

    job = folder / "trained.json"
    job.write_text(json.dumps(small("trained")))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATA", "RUNS", "REGISTRY"):
            patch.setenv(f"WIRECHAMBER_{name}", str(folder / name.lower()))
        assert main(["run", "--config", str(job)]) == 0


@pytest.fixture(scope="session")
def trained(make_once, simulated, tmp_path_factory):
    """Return a folder with runs/trained, registry/ and trained.json, trained once for all workers; do not change it."""
    made, folder = make_once("trained", train_small), tmp_path_factory.mktemp("trained")
    shutil.copytree(made, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data"))
    shutil.copytree(made / "data", simulated, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def train_for_all(tmp_path_factory, simulated):
    """Return a function that trains the small job with changes for several tests; do not change its run directory."""
    from app.config.job_file import parse
    from app.execution.session import Options
    from app.execution.single import train_job

    def train(name, **changes):
        folder = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            for root, path in {"DATA": simulated, "RUNS": folder / "runs", "REGISTRY": folder / "registry"}.items():
                patch.setenv(f"WIRECHAMBER_{root}", str(path))
            return train_job(parse({**small(name), "plots": [], **changes}), Options(config=folder / "job.json"))

    return train


@pytest.fixture
def copied(trained, tmp_path, simulated, monkeypatch):
    """Return a copy of `trained` as the roots of this test: its run is called "trained"."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    return tmp_path


@pytest.fixture
def made_run(tmp_path):
    """Return a function that writes the directory and the record of a run that was never trained.

    `error` [mm] is what its positions are off by on average; `seed` that of the test tracks.
    """
    import numpy as np

    import registry
    from app.predictions import Predictions

    def make(name, error=1.0, seed=1, rows=400, train_rows=1000, application="track_extrapolation", **record):
        rng = np.random.default_rng(seed)
        true = {"x": rng.normal(0, 500, rows), "y": rng.normal(0, 400, rows)}
        p, key = rng.uniform(5, 100, rows), rng.integers(1, 2**60, rows).astype(np.uint64)
        lost = np.random.default_rng([seed, len(name)])
        predicted = {t: v + error * lost.normal(0, 1, rows) for t, v in true.items()}
        folder = tmp_path / "runs" / name
        (folder / "plots").mkdir(parents=True)
        Predictions(key, true, predicted, {}, {"p": p}).write(folder / "predictions.csv")
        job = {**small(name), "application": application}
        job["tasks"]["state"] |= {"targets": ["x", "y"], "metrics": ["track_residuals"]}
        value, baselines = 1.25 * error, {"straight_line": {"pos_mean_mm": 3.0, "bins": []}}
        facts = {"metric": "pos_mean_mm", "better": "lower", "binned_in": "p [GeV]", "descriptions": {}}
        epochs = [{"epoch": i, "loss": 1.0 / i, "data_loss": 1.0 / i} for i in range(1, 6)]
        contents = {
            "job": job,
            "metrics": {"state": {**facts, "model": {"pos_mean_mm": value, "bins": []}, "baselines": baselines}},
            "history": {
                "train": epochs,
                "val": [{**epoch, "loss": 2 * epoch["loss"], "pos_mean_mm": 8.0 / epoch["epoch"]} for epoch in epochs],
                "best_epoch": 5,
                "training_time": 10.0,
            },
            "provenance": {"dataset": {"simulated": True, "rows": {"train": train_rows, "test": rows}}},
            "model_config": {"parameters": 1000, "layers": []},
        }
        for file, content in contents.items():
            (folder / f"{file}.json").write_text(json.dumps(content))
        known = {"model": "mlp", "metric": "pos_mean_mm", "value": value, "baselines": {"straight_line": 3.0}}
        known |= {"state": "done", "parameters": 1000, "training_time": 10.0, "fingerprint": f"data{seed}"}
        root = tmp_path / "registry"
        registry.create(root, registry.Record(run=name, application=application, **known | record))
        return folder

    return make
