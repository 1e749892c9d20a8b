"""Every shipped job file is built and run for one step, on a handful of events."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import pytest

from app.baseline_tables import fit_baselines
from app.build import build
from app.cli import main
from app.core.files import REPOSITORY
from app.data import load_data
from app.job_file import load
from app.json_file import is_workflow, read
from app.run_directory import RunDirectory

FOLDER = REPOSITORY / "json"
SHIPPED = [p for p in sorted(FOLDER.rglob("*.json")) if p.name not in ("job.schema.json", "base.json")]
WORKFLOWS = [p for p in SHIPPED if is_workflow(read(p))]
FILES = [p for p in SHIPPED if p not in WORKFLOWS]
EXTERNAL = "WIRECHAMBER_EXTERNAL_DATA"
ONE_STEP = ("training.epochs=1", "training.steps_per_epoch=1", "training.batch_size=32", "training.xla=false")
FEW = {
    "track_states": ("tracks=400", "shard_size=200", "accuracy=1.0"),
    "plane_images": ("events=80", "shard_size=80"),
    "volume_images": ("events=40", "shard_size=40"),
    "photon_sensors": ("events=80", "shard_size=80", "light_sources=2"),
    "muon_hits": ("events=150", "shard_size=150"),
}
QUICK = ("mlp_tiny.json", "pinn.json", "rk_pinn.json", "polynomial.json", "three_planes.json", "q_over_pt.json")
"""Building a graph takes seconds: one file of a kind is a quick test, the others are slow ones."""
BASELINES = {
    "electron_direction/single_plane_x_angular.json": ["isotropic", "principal_axis", "principal_axis_true_sign"],
    "channel_tagging/volume_simple.json": ["charge_cut", "most_frequent"],
    "main_track/main_track_v1.json": ["charge_cut", "most_frequent"],
}


def jobs_of(path):
    """Return the jobs of a file, changed so that they are quick; what they are made of stays."""
    first = load(path)[0]
    simulated = first.dataset.options.simulate is not None
    few = [f"dataset.simulate.{text}" for text in FEW[first.dataset.name]] if simulated else []
    warm = ["training.schedule.warmup_epochs=0"] if "warmup_epochs" in first.training.schedule.parameters else []
    return load(path, [*ONE_STEP, *few, *warm])


def every_job():
    """Yield every job; of a sweep the first is a quick test, the others, which differ from it by a value, are slow."""
    for path in FILES:
        needs = re.findall(r"\$\{(\w+)\}", path.read_text())
        for number, job in enumerate(load(path)):
            slow = number > 0 or path.name not in QUICK
            marks = [pytest.mark.external] if EXTERNAL in needs else [pytest.mark.slow] if slow else []
            name = f"{path.relative_to(FOLDER).as_posix()}:{job.name}"
            yield pytest.param(path, number, needs, id=name, marks=marks)


@pytest.fixture
def _variables(monkeypatch):
    shared = Path(os.environ.get(EXTERNAL, REPOSITORY.parent / "shared" / "data"))
    if shared.is_dir():
        monkeypatch.setenv(EXTERNAL, str(shared))


@pytest.mark.usefixtures("_variables")
@pytest.mark.parametrize(("path", "number", "needs"), list(every_job()))
def test_a_shipped_job_is_built_and_run_for_one_step(path, number, needs, tmp_path, simulated, monkeypatch):
    missing = [name for name in needs if name not in os.environ]
    if missing:
        pytest.skip(f"the environment variable {missing[0]} is not set")
    from app.train import train

    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    job = jobs_of(path)[number]
    data = load_data(job)
    built = build(job, data)
    history = train(job, data, built, RunDirectory(tmp_path), resume=False, report=lambda _: None)
    if built.network is None:  # nothing to train
        assert history["train"] == []
    else:
        (epoch,) = history["train"]
        assert math.isfinite(epoch["loss"])
        assert math.isfinite(history["best_val_loss"])
    widths = {name: tensor.shape[-1] for name, tensor in built.deployed.output.items()}
    assert {name: len(task.targets) for name, task in job.tasks.items()}.items() <= widths.items()


@pytest.mark.parametrize("file", BASELINES)
def test_supernova_jobs_stand_beside_what_needs_no_network(file, simulated, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    (job,) = jobs_of(FOLDER / file)
    (found,) = fit_baselines(load_data(job), job).values()
    assert list(found) == BASELINES[file]
    (task,) = job.tasks.values()
    edges = task.metrics[0].parameters["energy_bins"]
    assert edges[0] <= 0.005 < edges[-1] <= 0.07


def test_names_are_unique_and_each_job_says_why_it_is_there():
    jobs = [job for path in FILES for job in load(path)]
    assert len({job.name for job in jobs}) == len(jobs)
    assert all(job.rationale for job in jobs)


def test_an_extending_file_only_says_what_differs():
    base = json.loads((FOLDER / "base.json").read_text())
    assert set(base) == {"$schema", "seed", "training"}
    (job,) = load(FOLDER / "track_extrapolation" / "mlp_tiny.json")
    assert job.training.schedule.parameters["warmup_epochs"] == 0.5


def test_the_presets_have_the_sizes_of_the_scan():
    found = {job.model.parameters["preset"] for job in load(FOLDER / "track_extrapolation" / "mlp_sizes.json")}
    assert found == {"tiny", "small", "medium", "wide"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_shipped_workflow_is_valid(path, capsys):
    assert main(["validate", str(path)]) == 0
    assert "a workflow of " in capsys.readouterr().out
