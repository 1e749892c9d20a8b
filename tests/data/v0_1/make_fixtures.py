"""Makes everything beside this file, with the code of version 0.1.0 and no other.

    git worktree add /tmp/v0_1 <the commit of version 0.1.0>
    cp -r tests/compatibility tests/data /tmp/v0_1/tests/
    cd /tmp/v0_1 && make .venv/installed-test && .venv/bin/python tests/data/v0_1/make_fixtures.py

The files say what a user of 0.1.0 has on disk: models, a run with its record, the arrays that jobs come to. Later
versions read them in tests/compatibility/test_v0_1.py. Made again by later code they would prove nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests" / "compatibility"))

import fresh_process  # noqa: E402 - before NumPy, since it sets the environment
import numpy as np  # noqa: E402

TRACKS = {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100], "accuracy": 1.0}}
DIPOLES = {"name": "track_states", "simulate": {**TRACKS["simulate"], "field": "two_dipoles"}}
UNIFORM = {"name": "track_states", "simulate": {**TRACKS["simulate"], "field": "uniform"}}
SENSORS = {"name": "photon_sensors", "simulate": {"events": 80, "shard_size": 80, "light_sources": 2}}
PLANES = {"name": "plane_images", "simulate": {"events": 80, "shard_size": 80, "kind": "es"}, "sum_ticks": 4}
VOLUMES = {"name": "volume_images", "simulate": {"events": 40, "shard_size": 40}, "sum_ticks": 6}
HITS = {
    "name": "muon_hits",
    "simulate": {"name": "muon_hits", "events": 150, "shard_size": 150, "noise": 10},
    "standardize": True,
    "tracks": True,
}
LAYERS = {"name": "layered_hits", "files": ["layers.npz"], "angles": [4]}
ASSIGNED = {**HITS, "assignment": True}
ENDS = ["x", "y", "tx", "ty"]
STATE = {"state": {"targets": ENDS, "transform": "kick", "metrics": ["track_residuals"]}}
PLAIN = {"state": {"targets": ENDS}}
BENT = {"state": {"targets": ENDS, "transform": {"name": "kick", "baseline": "straight_line"}}}
DIRECTION = {"answer": {"targets": ["direction_x", "direction_y", "direction_z"], "loss": "von_mises_fisher"}}
ANGULAR = {"answer": {**DIRECTION["answer"], "loss": "angular"}}
CURVATURE = {"answer": {"targets": "q_over_pt", "metrics": ["muon_pt"]}}
LIGHT = {
    "energy": {"targets": "energy", "transform": ["log", "standardize"], "loss": "gaussian_nll"},
    "angle": {
        "targets": ["theta", "phi"],
        "transform": [{"name": "circular", "columns": "phi", "period": 360}, "standardize"],
    },
    "n_gamma": {"targets": "n_gamma", "head": {"name": "softmax", "classes": 5}, "loss": "categorical_crossentropy"},
}
EVERY = {
    "size": {"targets": "pt", "transform": ["log", "standardize"], "loss": "gaussian_nll"},
    "bend": {"targets": "p", "transform": ["inverse", "standardize"], "loss": "huber"},
    "azimuth": {"targets": "phi", "transform": ["circular", "standardize"]},
    "direction": {"targets": ["px", "py", "pz"], "loss": "von_mises_fisher"},
    "class": {"targets": "positive", "head": {"name": "softmax", "classes": 2}, "loss": "categorical_crossentropy"},
    "slope": {"targets": "eta"},
}
"""One task for each way in which an ensemble averages, and most heads and transforms."""
MEANS = {
    **{"size": "log", "bend": "inverse", "azimuth": "circular", "direction": "unit_vector"},
    **{"class": "values", "slope": "values"},
}
IMAGES = {"conv_layers": 2, "filters": 2, "dense_units": 4}
MLP = {"name": "mlp", "hidden": [8]}
LENS = ["tx", "ty", "qop", "lens_u", "lens_tx", "lens_ty"]
FAMILIES = {
    "mlp": (TRACKS, MLP, STATE),
    "mlp_gaussian": (TRACKS, {**MLP, "activation": "silu"}, {"state": {"targets": ENDS, "loss": "gaussian_nll"}}),
    "mlp_mirrored": (TRACKS, {**MLP, "inputs": {"mirror": True, "features": LENS}, "dropout": 0.1}, STATE),
    "mlp_rk4": (TRACKS, MLP, {"state": {**STATE["state"], "transform": {"name": "kick", "baseline": "rk4"}}}),
    "mlp_thin_lens": (
        DIPOLES,
        MLP,
        {"state": {"targets": ENDS, "transform": {"name": "kick", "baseline": "thin_lens", "slopes": "momentum"}}},
    ),
    "mlp_residual": (TRACKS, MLP, {"state": {"targets": ENDS, "transform": "straight_line_residual"}}),
    "mlp_layers": (
        LAYERS,
        MLP,
        {"bend": {"targets": "q_over_pt"}, "sign": {"targets": "positive", "loss": "binary_crossentropy"}},
    ),
    "momentum_ranges": (
        TRACKS,
        {"name": "momentum_ranges", "edges": [10, 20], "network": {"name": "mlp", "hidden": [4]}},
        STATE,
    ),
    "pinn": (TRACKS, {"name": "pinn", "hidden": [8]}, BENT),
    "pinn_soft": (TRACKS, {"name": "pinn", "hidden": [8], "initial_condition": "soft"}, BENT),
    "pinn_forward": (TRACKS, {"name": "pinn", "hidden": [8], "derivative": "forward", "activation": "gelu"}, BENT),
    "pinn_gradient_tape": (TRACKS, {"name": "pinn", "hidden": [8], "derivative": "gradient_tape"}, BENT),
    "rk_pinn": (TRACKS, {"name": "rk_pinn", "hidden": [8]}, BENT),
    "rk_pinn_quarters": (TRACKS, {"name": "rk_pinn", "hidden": [8], "nodes": "quarters"}, BENT),
    "polynomial": (TRACKS, {"name": "polynomial", "degree": 3}, PLAIN),
    "rk4": (TRACKS, {"name": "rk4", "steps": 3}, PLAIN),
    "rk4_float64": (DIPOLES, {"name": "rk4", "steps": 3, "precision": "float64"}, PLAIN),
    "rk4_uniform": (UNIFORM, {"name": "rk4", "steps": 2}, PLAIN),
    "thin_lens": (TRACKS, "thin_lens", PLAIN),
    "straight_line": (TRACKS, "straight_line", PLAIN),
    "calorimeter_encoder": (
        SENSORS,
        {
            **{"name": "calorimeter_encoder", "channels": [2, 2, 2], "width": 4, "blocks": 1},
            **{"attention_heads": 1, "centroids": 1, "channel_dropout": 0.1},
        },
        LIGHT,
    ),
    "flat_mlp": (SENSORS, {"name": "flat_mlp", "hidden": [1]}, LIGHT),
    "plane_cnn": ({**PLANES, "planes": ["x"]}, {"name": "plane_cnn", **IMAGES, "dropout": 0.1}, ANGULAR),
    "three_plane_cnn": (PLANES, {"name": "three_plane_cnn", **IMAGES, "activation": "gelu"}, DIRECTION),
    "three_plane_attention": (
        {**PLANES, "normalization": "log"},
        {"name": "three_plane_attention", **IMAGES, "batch_norm": True},
        DIRECTION,
    ),
    "residual_cnn": (
        {**PLANES, "normalization": "per_image"},
        {"name": "residual_cnn", **IMAGES, "batch_norm": True},
        DIRECTION,
    ),
    "volume_cnn": (
        VOLUMES,
        {"name": "volume_cnn", **IMAGES},
        {"answer": {"targets": "is_es", "loss": "binary_crossentropy"}},
    ),
    "hit_pooling": (ASSIGNED, {"name": "hit_pooling", "encoder": [4], "hidden": [4]}, CURVATURE),
    "hit_pooling_blocks": (
        ASSIGNED,
        {"name": "hit_pooling", "encoder": [4], "hidden": [4], "blocks": 1, "attention_heads": 2},
        CURVATURE,
    ),
    "deep_sets": (HITS, {"name": "deep_sets", "phi": [4], "rho": [4], "dropout": 0.1}, CURVATURE),
    "deep_sets_tasks": (HITS, {"name": "deep_sets", "phi": [4], "rho": [4]}, EVERY),
    "hit_transformer": (
        HITS,
        {"name": "hit_transformer", "embedding": [4], "width": 4, "blocks": 1, "attention_heads": 2, "hidden": [4]},
        CURVATURE,
    ),
    "hit_transformer_mean": (
        HITS,
        {
            **{"name": "hit_transformer", "embedding": [4], "width": 4, "blocks": 1, "attention_heads": 2},
            **{"hidden": [4], "pool": "mean"},
        },
        CURVATURE,
    ),
}
TRAINING = {
    "epochs": 3,
    "batch_size": 64,
    "optimizer": {"name": "adam", "learning_rate": 1e-2},
    "xla": False,
    "keep_every": 1,
}
OF_TRACKS = {"application": "track_extrapolation", "dataset": TRACKS, "tasks": STATE, "plots": []}
RUN, ENSEMBLE, RESUMED = "mlp_kick", "mlp_pair", "mlp_stopped"
JOBS = {
    RUN: {**OF_TRACKS, "model": {"name": "mlp", "hidden": [16], "dropout": 0.05}, "training": TRAINING},
    "pinn_tape": {
        **{**OF_TRACKS, "tasks": BENT, "model": {"name": "pinn", "hidden": [8], "derivative": "gradient_tape"}},
        **{
            "constraints": {"name": "lorentz_residual", "weight": 0.1},
            "training": {**TRAINING, "epochs": 2, "steps_per_execution": 1},
        },
        "collocation": {"points": 4, "placement": "random"},
    },
    "hits_deep_sets": {
        **{"application": "muon_parameters", "dataset": HITS, "tasks": CURVATURE, "plots": []},
        "model": {"name": "deep_sets", "phi": [8], "rho": [8], "dropout": 0.1},
        "training": {**TRAINING, "epochs": 2, "batch_size": 32, "steps_per_execution": 1},
    },
}
RATIONALE = "What version 0.1.0 comes to."
EVENTS = {"photon_sensors": 2, "plane_images": 3, "volume_images": 2}
"""How many events are recorded: 6 of what is not large."""


def make_layers(path: Path) -> None:
    """Write a file of five detector layers as `layered_hits` reads it."""
    random, arrays = np.random.default_rng(1), {}
    for prefix, rows in (("train_", 60), ("valid_", 30)):
        hits = random.integers(1, 1500, (rows, 5, 2)).astype(float)
        hits[random.random((rows, 5)) < 0.4] = 0.0
        arrays |= {f"{prefix}HITS": hits, f"{prefix}PT_VAL": random.uniform(1, 100, rows)}
        arrays |= {f"{prefix}SIGN": random.choice([-1.0, 1.0], rows)}
    np.savez(path, **arrays)


def built(name: str, work: Path, seed: int):
    """Return job, data, columns and the deployed model of a family, as a run makes it, with weights of its own."""
    from app.build import build
    from app.device import prepare
    from app.job_file import parse

    from app.data import load_data

    dataset, model, tasks = FAMILIES[name]
    if "files" in dataset:
        dataset = {**dataset, "files": [str(work / file) for file in dataset["files"]]}
    content = {"name": name, "application": "fixtures", "rationale": RATIONALE, "seed": seed}
    job = parse({**content, "dataset": dataset, "model": model, "tasks": tasks})
    prepare(seed)
    data = load_data(job)
    prepare(seed)
    made = build(job, data)
    rng = np.random.default_rng(seed)
    for weight in made.deployed.trainable_weights:  # biases begin at 0, and would hide mistakes
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    return job, data, made.normalization["columns"], made.deployed


def save_family(name: str, work: Path) -> None:
    """Write the model and its record; the answers are added by `record_answers`."""
    job, data, columns, deployed = built(name, work, 5)
    save_model(name, job, data, columns, deployed)


def save_ensemble(work: Path) -> None:
    """Write the mean of two models, with every way of averaging."""
    from app.combined import combine
    from app.device import keras
    from app.evaluate import _register_layers

    _register_layers()
    files = []
    for seed in (5, 6):
        job, data, columns, deployed = built("deep_sets_tasks", work, seed)
        files.append(work / f"seed{seed}.keras")
        deployed.save(files[-1])
    members = {file.stem: keras.saving.load_model(file, compile=False) for file in files}
    save_model("ensemble_tasks", job, data, columns, combine(members, MEANS))


def save_model(name: str, job, data, columns, deployed) -> None:
    """Write models/NAME.keras, and models/NAME.npz with events, job and columns."""
    from app.baseline_tables import first_events
    from datasets._sparse import dense

    dump = job.dump()
    if "files" in dump["dataset"] and dump["dataset"]["files"]:
        dump["dataset"]["files"] = ["layers.npz"]
    deployed.save(HERE / "models" / f"{name}.keras")
    events = first_events(data.splits.validation, EVENTS.get(job.dataset.name, 6)).inputs
    inputs = {f"input/{n}": np.asarray(dense(events[n]), np.float32) for n in deployed.input}
    write_npz(HERE / "models" / f"{name}.npz", {"job": json.dumps(dump), "columns": json.dumps(columns), **inputs})


def write_npz(path: Path, arrays) -> None:
    """Write an npz that is small, and equal bytes for equal arrays."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, values in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(values), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED, 9)


def layers_in(folder: Path) -> list[str]:
    """Return the registered names of our layers in all models of a folder."""
    found = set()
    for path in folder.glob("*.keras"):
        with zipfile.ZipFile(path) as archive:
            found |= set(re.findall(r'"registered_name": "(wirechamber>\w+)"', archive.read("config.json").decode()))
    return sorted(found)


def compress_models() -> None:
    """Compress every model file as it stands: four fifths of an HDF5 file of small arrays are empty."""
    for path in (HERE / "models").glob("*.keras"):
        path.with_suffix(".keras.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()


def in_fresh_process(work: Path) -> None:
    """Predict with every model and train every job, as the tests do."""
    command = [sys.executable, fresh_process.__file__, str(HERE), str(work), "models", *JOBS, RESUMED]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WIRECHAMBER_DATA": str(work / "data_of_jobs")}
    subprocess.run(command, check=True, cwd=ROOT, env=environment)


def record_answers(work: Path) -> None:
    """Add what the models say to their records."""
    for path in sorted((HERE / "models").glob("*.npz")):
        if (work / "models" / f"{path.stem}.txt").exists():
            raise SystemExit((work / "models" / f"{path.stem}.txt").read_text())
        write_npz(path, dict(np.load(path)) | dict(np.load(work / "models" / path.name)))


def record_trainings(work: Path, layers: list[str]) -> None:
    """Write hashes.json and, for every job, the arrays that it came to."""
    hashes = {}
    (HERE / "trained").mkdir()
    for name in (*JOBS, RESUMED):
        run = work / "runs" / name
        weights = dict(np.load(work / "weights" / f"{name}.npz"))
        history = json.loads((run / "history.json").read_text())
        del history["training_time"]
        hashes[name] = {
            "weights": [hashlib.sha256(weight.tobytes()).hexdigest() for weight in weights.values()],
            "history": hashlib.sha256(json.dumps(history, sort_keys=True).encode()).hexdigest(),
            "predictions": hashlib.sha256((run / "predictions.csv").read_bytes()).hexdigest(),
            "fingerprint": json.loads((run / "provenance.json").read_text())["dataset"]["fingerprint"],
            "data": data_of(run, work),
        }
        arrays = {f"weight/{n}": w for n, w in weights.items()} | {"history": json.dumps(history)}
        arrays["predictions"] = np.frombuffer((run / "predictions.csv").read_bytes(), np.uint8)
        write_npz(HERE / "trained" / f"{name}.npz", arrays | (onnx_answers(run, work) if name in JOBS else {}))
    computed_on = json.loads((work / "machine.json").read_text())
    content = {"machine": computed_on, "layers": layers, "jobs": hashes}
    (HERE / "hashes.json").write_text(json.dumps(content, indent=1) + "\n")


def data_of(run: Path, work: Path) -> str:
    """Return the name of the folder of a run's simulated data."""
    kind = json.loads((run / "job.json").read_text())["dataset"]["name"]
    (folder,) = (work / "data_of_jobs").glob(f"{kind}-*/")
    return folder.name


def onnx_answers(run: Path, work: Path) -> dict:
    """Return inputs and outputs of a run's ONNX model on the recorded events of its kind of data."""
    import onnxruntime

    known = np.load(HERE / "models" / ("deep_sets.npz" if run.name.startswith("hits") else "mlp.npz"))
    session = onnxruntime.InferenceSession(run / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = {one.name: known[f"input/{one.name}"] for one in session.get_inputs()}
    names = [one.name for one in session.get_outputs()]
    said = dict(zip(names, session.run(names, inputs), strict=True))
    return {f"onnx_input/{n}": v for n, v in inputs.items()} | {f"onnx/{n}": v for n, v in said.items()}


def save_jobs() -> None:
    """Write the jobs that the tests train, and the shipped job files as one compressed file."""
    (HERE / "jobs").mkdir()
    for name, job in JOBS.items():
        content = {"name": name, "rationale": RATIONALE, **job, "export": {"onnx": True}}
        (HERE / "jobs" / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    files = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted((ROOT / "json").rglob("*.json"))}
    del files["json/job.schema.json"]
    text = json.dumps({"files": files, "jobs": shipped_jobs()}, sort_keys=True).encode()
    (HERE / "shipped_jobs.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


def shipped_jobs() -> dict:
    """Return every job of the shipped files by name, with all defaults."""
    from app.job_file import load
    from app.json_file import is_workflow, read

    names = ("job.schema.json", "base.json")
    paths = [path for path in sorted((ROOT / "json").rglob("*.json")) if path.name not in names]
    return {job.name: job.dump() for path in paths if not is_workflow(read(path)) for job in load(path)}


def save_runs(work: Path) -> None:
    """Keep the run of the first job as it stands, the same run in its middle, and an ensemble of two."""
    from app.cli import main

    pair = {"name": ENSEMBLE, "rationale": RATIONALE, **JOBS[RUN], "ensemble": {"members": 2}, "export": {}}
    (work / "pair.json").write_text(json.dumps(pair))
    roots = ("--runs", str(work / "runs"), "--registry", str(work / "registry"))
    if main(["run", "--config", str(work / "pair.json"), *roots]):
        raise SystemExit("the ensemble was not trained")
    for name in (RUN, ENSEMBLE, f"{ENSEMBLE}_seed42", f"{ENSEMBLE}_seed43"):
        left_out = shutil.ignore_patterns("checkpoints", ".lock*", "plots", "*.npz")
        shutil.copytree(work / "runs" / name, HERE / "runs" / name, ignore=left_out)
        (HERE / "registry" / "runs").mkdir(parents=True, exist_ok=True)
        shutil.copy(work / "registry" / "runs" / f"{name}.json", HERE / "registry" / "runs")


def save_interrupted(work: Path) -> None:
    """Keep what a run leaves that was stopped after its second of three epochs."""
    job = json.loads((HERE / "jobs" / f"{RUN}.json").read_text()) | {"name": RESUMED, "export": {}}
    (work / "stopped.json").write_text(json.dumps(job))
    roots = ["--runs", str(work / "stopped"), "--registry", str(work / "stopped_registry")]
    command = [sys.executable, "-m", "app", "run", "--config", str(work / "stopped.json"), "--deterministic", *roots]
    subprocess.run(command, check=True, cwd=ROOT, env=dict(os.environ))
    run, kept = work / "stopped" / RESUMED, HERE / "interrupted" / RESUMED
    (kept / "checkpoints").mkdir(parents=True)
    for name in ("job.json", "provenance.json", "normalization.json", "model_config.json"):
        shutil.copy(run / name, kept)
    shutil.copytree(run / "checkpoints" / "epoch_000002", kept / "checkpoints" / "epoch_000002")


def scrub(work: Path) -> None:
    """Take out of every text what belongs to the machine that made it, and the times."""
    host = socket.gethostname()
    folders = [HERE / name for name in ("runs", "registry", "interrupted")]
    for path in [path for folder in folders for kind in ("json", "txt") for path in folder.rglob(f"*.{kind}")]:
        text = path.read_text()
        text = text.replace(str(work), "/work").replace(str(ROOT), "/wirechamber").replace(f'"{host}"', '"host"')
        text = re.sub(r"20\d\d-\d\d-\d\d([T ])\d\d:\d\d:\d\d", r"2026-01-01\g<1>12:00:00", text)
        text = re.sub(r"CPU with \d+ cores", "CPU with 2 cores", re.sub(r'"cpus": \d+', '"cpus": 2', text))
        path.write_text(text)


def make(work: Path) -> None:
    """Make everything in the order in which one part needs another."""
    import registry

    os.environ["WIRECHAMBER_DATA"] = str(work / "data")
    for name in ("models", "jobs", "trained", "runs", "registry", "interrupted"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / "models").mkdir()
    make_layers(work / "layers.npz")
    save_jobs()
    for name in FAMILIES:
        save_family(name, work)
    save_ensemble(work)
    layers = layers_in(HERE / "models")
    compress_models()
    save_interrupted(work)
    in_fresh_process(work)
    record_answers(work)
    record_trainings(work, layers)
    save_runs(work)
    scrub(work)
    registry.refresh(HERE / "registry")


if __name__ == "__main__":
    if version("wirechamber") != "0.1.0":
        raise SystemExit("This is not version 0.1.0: what it makes would prove nothing.")
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
