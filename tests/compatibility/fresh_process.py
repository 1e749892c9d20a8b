"""What a user's process does with files of version 0.1.0: started by test_v0_1.py, and by make_fixtures.py.

    python fresh_process.py FIXTURES WORK PART...

A part is "models": predict with every model in FIXTURES/models; "runs": use the runs in FIXTURES/runs; or the name of a
job in FIXTURES/jobs, which is trained, or of a run in FIXTURES/interrupted, which is trained to its end. All that comes
out lies below WORK. It is a process of its own because a model must be readable without what other tests have imported,
because deterministic operations cannot be turned off again, and because one thread gives the same bits on machines with
any number of cores.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import sys
import traceback
from importlib.metadata import version
from pathlib import Path

# Before NumPy and TensorFlow are loaded: sums that several threads share are added in another order with more cores.
os.environ.update(dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1"))
os.environ.update(OPENBLAS_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="-1", TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="Agg")

import numpy as np

from app.cli import main
from app.evaluation import load

PUBLIC = ("deep_sets", "ensemble_tasks", "mlp_gaussian", "mlp_layers", "plane_cnn")
"""Models whose `predict` is asked as well, by target: each kind of head, and columns as well as whole inputs."""
VERBS = {
    "evaluate": ["evaluate", "mlp_kick"],
    "evaluate_ensemble": ["evaluate", "mlp_pair"],
    "export": ["export", "mlp_kick", "--root"],
}
PACKAGES = ("tensorflow", "keras", "numpy", "numba", "llvmlite", "awkward", "uproot", "onnxruntime")
FLAGS = re.compile(r"avx|amx|fma|f16c|sse4|bmi")


def machine() -> dict[str, object]:
    """Return what must be equal for results to be equal bit by bit.

    Caches count because matrix products are cut into blocks that fit them, and the cuts order the sums.
    """
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = dict(re.findall(r"^(\w[\w ]*\w)\s*: (.*)$", text, re.MULTILINE))
    caches = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"))
    return {
        "python": ".".join(map(str, sys.version_info[:2])),
        **{name: version(name) for name in PACKAGES},
        "settings": [os.environ.get(name, "") for name in ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS")],
        "cpu": [lines.get(name, "") for name in ("vendor_id", "cpu family", "model")],
        "flags": sorted(flag for flag in lines.get("flags", "").split() if FLAGS.match(flag)),
        "caches": [path.read_text().strip() for path in caches],
    }


def answers(record: Path, folder: Path) -> dict[str, np.ndarray]:
    """Return what a model says of its recorded events: {"output/NAME": ..., "predict/NAME": ...}."""
    known = np.load(record, allow_pickle=False)
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(gzip.decompress(record.with_suffix(".keras.gz").read_bytes()))
    (folder / "job.json").write_text(str(known["job"]))
    (folder / "normalization.json").write_text(json.dumps({"columns": json.loads(str(known["columns"]))}))
    loaded = load(str(folder))
    inputs = {name.partition("/")[2]: known[name] for name in known.files if name.startswith("input/")}
    found = loaded.model({name: inputs[name] for name in loaded.model.input}, training=False)
    said = {f"output/{name}": np.asarray(values) for name, values in found.items()}
    if record.stem not in PUBLIC:
        return said
    columns = {c: inputs[n][:, i] for n, names in loaded.columns.items() for i, c in enumerate(names)}
    predicted = loaded.predict({**columns, **{name: inputs[name] for name in loaded.whole}})
    return said | {f"predict/{name}": np.asarray(values) for name, values in predicted.items()}


def predict_all(fixtures: Path, work: Path) -> None:
    """Write WORK/models/NAME.npz for every model, or NAME.txt with what went wrong."""
    for record in sorted((fixtures / "models").glob("*.npz")):
        try:
            found = answers(record, work / "models" / record.stem)
        except Exception:
            (work / "models" / f"{record.stem}.txt").write_text(traceback.format_exc())
        else:
            np.savez(work / "models" / f"{record.stem}.npz", **found)


def use_runs(fixtures: Path, work: Path) -> None:
    """Predict, measure and export again with finished runs, of which a copy in WORK/used loses what is made of them."""
    used, codes = work / "used", {}
    for name in ("runs", "registry"):
        shutil.copytree(fixtures / name, used / name)
    for path in [*used.rglob("predictions.csv"), *used.rglob("*.onnx"), *used.glob("runs/mlp_pair/metrics.json")]:
        path.unlink()
    for name, words in VERBS.items():
        codes[name] = main([*words, "--runs", str(used / "runs"), "--registry", str(used / "registry")])
    (work / "codes.json").write_text(json.dumps(codes))


def train(fixtures: Path, work: Path, name: str) -> None:
    """Run a job, or an interrupted one to its end; the weights go into WORK/weights/NAME.npz."""
    begun = fixtures / "interrupted" / name
    if not begun.exists():
        _run(work, fixtures / "jobs" / f"{name}.json", name)
        return
    shutil.copytree(begun, work / "runs" / name)
    shutil.copy(begun / "job.json", work / f"{name}.json")
    _run(work, work / f"{name}.json", name, "--resume")


def _run(work: Path, job: Path, name: str, *options: str) -> None:
    roots = ("--runs", str(work / "runs"), "--registry", str(work / "registry"))
    if main(["run", "--config", str(job), "--deterministic", *options, *roots]) == 0:
        weights = load(str(work / "runs" / name)).model.get_weights()
        (work / "weights").mkdir(exist_ok=True)
        np.savez(work / "weights" / f"{name}.npz", **{f"{i:03}": weight for i, weight in enumerate(weights)})


def do(fixtures: Path, work: Path, parts: list[str]) -> None:
    """Do the parts in their order."""
    (work / "machine.json").write_text(json.dumps(machine()))
    for part in parts:
        if part == "models":
            predict_all(fixtures, work)
        elif part == "runs":
            use_runs(fixtures, work)
        else:
            train(fixtures, work, part)


if __name__ == "__main__":
    do(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
