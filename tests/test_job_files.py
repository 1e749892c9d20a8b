"""Every shipped job file is built, run for one step on a handful of events, and exported."""

from __future__ import annotations

import json
import math
import os
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest

from app.cli import main
from app.config.job_file import is_workflow, load, read
from app.core.files import REPOSITORY, read_json, write_json
from app.data.loading import first_events, load_data
from app.evaluation.metrics import fit_baselines
from app.export import parity
from app.export.graph import AXES, output_names
from app.export.onnx_file import export_after_run
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runtime.provenance import provenance
from app.training.build import build
from datasets.pipeline.arrays import dense

FOLDER = REPOSITORY / "json"
SHIPPED = [p for p in sorted(FOLDER.rglob("*.json")) if p.name not in ("job.schema.json", "base.json")]
WORKFLOWS = [p for p in SHIPPED if is_workflow(read(p))]
FILES = [p for p in SHIPPED if p not in WORKFLOWS]
OF_STEPS = [p for p in FILES if '"runs/' in p.read_text()]
"""Jobs that begin with what another step of their workflow makes."""
EXTERNAL = "WIRECHAMBER_EXTERNAL_DATA"
ONE_STEP = ("training.epochs=1", "training.steps_per_epoch=1", "training.batch_size=32", "training.xla=false")
FEW = {
    "track_states": ("tracks=400", "shard_size=200", "accuracy=1.0"),
    "plane_images": ("events=80", "shard_size=80"),
    "volume_images": ("events=40", "shard_size=40"),
    "photon_sensors": ("events=80", "shard_size=80", "light_sources=2"),
    "muon_hits": ("events=150", "shard_size=150"),
}
QUICK = ("mlp_tiny.json", "pinn.json", "polynomial.json", "three_planes.json", "q_over_pt.json")
"""Building a graph takes seconds: one file of a kind is a quick test, the others are slow ones."""
OF_THE_GRAPH = ("targets", "transform", "head", "loss")
WHOLE = {
    "track_extrapolation": "mlp_tiny.json",
    "electron_direction": "three_planes.json",
    "channel_tagging": "volume_simple.json",
    "main_track": "main_track_v1.json",
    "muon_hits": "eta_phi_pt.json",
    "photon_calorimeter": "all_tasks.json",
}
"""By folder the job that is compared on as many validation events as an export takes."""
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
    return load(path, [*ONE_STEP, *few, *warm, "export.onnx=true"])


def every_job():
    """Yield every job; of a sweep the first is a quick test, the others, which differ from it by a value, are slow.

    Every network of a file is exported, by a slow test: of sweeps over weights and data, which share it, by the first.
    """
    for path in (path for path in FILES if path not in OF_STEPS):
        needs, networks = re.findall(r"\$\{(\w+)\}", path.read_text()), set()
        for number, job in enumerate(load(path)):
            first, quick = network(job) not in networks, number == 0 and path.name in QUICK
            networks.add(network(job))
            name = f"{path.relative_to(FOLDER).as_posix()}:{job.name}"
            if quick:
                yield pytest.param(path, number, needs, False, id=name)
                name += "-exported"
            marks = [pytest.mark.external] if EXTERNAL in needs else [pytest.mark.slow]
            yield pytest.param(path, number, needs, first, id=name, marks=marks)


def network(job):
    """Return what of a job decides its graph, among the jobs of one file."""
    content = job.dump()
    tasks = {name: [content["tasks"][name][what] for what in OF_THE_GRAPH] for name in job.tasks}
    return json.dumps([content["model"], tasks], sort_keys=True)


@pytest.fixture
def _variables(monkeypatch):
    shared = Path(os.environ.get(EXTERNAL, REPOSITORY.parent / "shared" / "data"))
    if shared.is_dir():
        monkeypatch.setenv(EXTERNAL, str(shared))


@pytest.mark.usefixtures("_variables")
@pytest.mark.parametrize(("path", "number", "needs", "export"), list(every_job()))
def test_a_shipped_job_is_built_and_run_for_one_step(path, number, needs, export, tmp_path, simulated, monkeypatch):
    missing = [name for name in needs if name not in os.environ]
    if missing:
        pytest.skip(f"the environment variable {missing[0]} is not set")
    from app.training.fit import train

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
    if export:
        exported(job, data, built.deployed, RunDirectory(tmp_path))


def exported(job, data, deployed, run):
    """Export as the end of a run does, and look into metrics.json and the file."""
    write_json(run.provenance, provenance({}))
    write_json(run.metrics, export_after_run(job, run, data, deployed, {name: {} for name in job.tasks}))
    agrees(run, output_names(deployed).values(), min(1000, data.splits.validation.rows))
    events = first_events(data.splits.validation, 9).inputs
    runs_anywhere(run.onnx.read_bytes(), {n: np.asarray(dense(events[n]), np.float32) for n in deployed.input})


def agrees(run, outputs, rows):
    """Every output of every task is in metrics.json, compared on so many events, and does not differ."""
    assert run.onnx.exists(), "not exported; the log says why"
    told = [figures["onnx"] for figures in read_json(run.metrics).values()]
    assert {one["events"] for one in told} == {rows}
    found = {name: one for task in told for name, one in task["outputs"].items()}
    assert set(found) == set(outputs)
    assert parity.describe_differences(found) == []


def runs_anywhere(content, inputs):
    """ONNX's checker and runtime take the file; names are there, and 1 and 7 events say what they say among others."""
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = parity.open_session(content)
    assert {one.name for one in session.get_inputs()} == set(inputs)
    names = [one.name for one in session.get_outputs()]
    assert all(one.shape[0] == AXES[0] for one in (*session.get_inputs(), *session.get_outputs()))
    whole = session.run(names, inputs)
    for rows in (1, 7):
        few = session.run(names, {name: values[:rows] for name, values in inputs.items()})
        for one, among in zip(few, whole, strict=True):
            assert one.shape == (min(rows, len(among)), *among.shape[1:])
            size = np.abs(among).max(axis=tuple(range(among.ndim - 1)))
            assert (np.abs(one - among[:rows]) <= parity.TOLERANCE * size).all()


@pytest.mark.slow
@pytest.mark.parametrize("folder", WHOLE)
def test_a_run_of_each_application_is_compared_on_1000_validation_events(folder, simulated, monkeypatch):
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    path = FOLDER / folder / WHOLE[folder]
    run = whole_run(path)
    model = onnx.load(run.onnx)
    agrees(run, [one.name for one in model.graph.output], 1000)
    says_where_it_comes_from(model, jobs_of(path)[0], read_json(run.provenance))


def whole_run(path, *changes):
    """Run a shipped job from the command line, most of 1,250 simulated events for validation."""
    (job,) = jobs_of(path)
    many = {"tracks" if job.dataset.name == "track_states" else "events": 1250, "shard_size": 1250}
    few = dict(text.split("=") for text in FEW[job.dataset.name]) | many
    events = [f"dataset.simulate.{name}={value}" for name, value in few.items()]
    warm = ["training.schedule.warmup_epochs=0"] if "warmup_epochs" in job.training.schedule.parameters else []
    split = 'dataset.split={"train": 0.1, "validation": 0.85, "test": 0.05}'
    told = [*ONE_STEP, *events, *warm, split, "plots=[]", "export.onnx=true", *changes]
    assert main(["run", "--config", str(path), *(word for text in told for word in ("--set", text))]) == 0
    return directory.of(job.name)


def says_where_it_comes_from(model, job, told):
    """The file has job, version, commit and data, z_start of tracks, and columns with units in their order."""
    said = {one.key: one.value for one in model.metadata_props}
    assert (said["job"], said["application"]) == (job.name, job.application)
    assert said["wirechamber"] == version("wirechamber")
    assert said["commit"] == (told["commit"] or "")
    assert said["dataset_fingerprint"] == told["dataset"]["fingerprint"]
    assert ("z_start_mm" in said) == (job.application == "track_extrapolation")
    inputs, outputs = json.loads(said["inputs"]), json.loads(said["outputs"])
    for one in model.graph.input:
        width = one.type.tensor_type.shape.dim[-1].dim_value  # of an image without channels every pixel is the column
        assert len(inputs[one.name]["columns"]) in (1, width)
        assert all(column["name"] and "unit" in column for column in inputs[one.name]["columns"])
    for name, task in job.tasks.items():
        (columns,) = (one["columns"] for one in outputs.values() if (one["task"], one["what"]) == (name, "value"))
        assert [(c["name"], c["unit"]) for c in columns] == [(t, told["dataset"]["units"][t]) for t in task.targets]


@pytest.mark.slow
def test_the_shipped_ensemble_agrees_with_keras_too(simulated, monkeypatch):
    """Two members of five: the mean of directions that they are not sure of, their spread and concentration."""
    monkeypatch.setenv("WIRECHAMBER_DATA", str(simulated))
    file = FOLDER / "electron_direction" / "bootstrap_ensemble.json"
    run = whole_run(file, "ensemble.members=2", "ensemble.seeds=[42, 43]")
    agrees(run, {"direction", "direction_spread", "direction_concentration"}, 1000)


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


def test_a_job_that_begins_with_what_a_step_makes_is_one_of_a_workflow():
    steps = " ".join(path.read_text() for path in WORKFLOWS)
    assert {path.name for path in OF_STEPS} == {"lhcb_simulated.json", "lhcb_tuned.json"}
    assert all(f'"{path.name}"' in steps for path in OF_STEPS)


def test_an_extending_file_only_says_what_differs():
    base = json.loads((FOLDER / "base.json").read_text())
    assert set(base) == {"$schema", "seed", "training"}
    (job,) = load(FOLDER / "track_extrapolation" / "mlp_tiny.json")
    assert job.training.schedule.parameters["warmup_epochs"] == 0.5


def test_the_presets_have_the_sizes_of_the_scan():
    found = {job.model.parameters["preset"] for job in load(FOLDER / "track_extrapolation" / "mlp_sizes.json")}
    assert found == {"tiny", "small", "medium", "wide"}


def every_workflow():
    """Yield each workflow; those whose jobs read external data need it to be valid."""
    for path in WORKFLOWS:
        jobs = [path.parent / name for name in re.findall(r"[\w/]+\.json", path.read_text())]
        needs = any(EXTERNAL in job.read_text() for job in jobs if job.is_file())
        yield pytest.param(path, needs, id=path.stem, marks=[pytest.mark.external] if needs else [])


@pytest.mark.usefixtures("_variables")
@pytest.mark.parametrize(("path", "needs"), list(every_workflow()))
def test_a_shipped_workflow_is_valid(path, needs, capsys):
    if needs and EXTERNAL not in os.environ:
        pytest.skip(f"the environment variable {EXTERNAL} is not set")
    assert main(["validate", str(path)]) == 0
    assert "a workflow of " in capsys.readouterr().out
