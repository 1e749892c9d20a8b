"""The memory that `wirechamber estimate` says against the peak of the whole run; each job in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _results import ROOT, parse_options, report

TRACKS = {
    "application": "track_extrapolation",
    "tasks": {"state": {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "metrics": ["track_residuals"]}},
    "plots": [],
}
SMALL = {
    **TRACKS,
    "name": "few_tracks",
    "dataset": {"name": "track_states", "simulate": {"tracks": 2000, "momentum": [5, 100], "accuracy": 1.0}},
    "model": {"name": "mlp", "preset": "tiny"},
    "training": {"epochs": 2, "batch_size": 256},
}
MANY = {
    **TRACKS,
    "name": "many_tracks",
    "dataset": {"name": "track_states", "simulate": {"tracks": 1_000_000, "momentum": [5, 100], "accuracy": 1.0}},
    "model": {"name": "mlp", "preset": "wide"},
    "training": {"epochs": 2, "batch_size": 8192, "steps_per_epoch": 20},
}
IMAGES = {
    "name": "planes",
    "application": "electron_direction",
    "dataset": {"name": "plane_images", "simulate": {"events": 700, "kind": "es"}, "main_track": True, "sum_ticks": 4},
    "model": {"name": "three_plane_cnn", "filters": 16, "kernel_size": 3, "dense_units": 128},
    "tasks": {
        "direction": {
            "targets": ["direction_x", "direction_y", "direction_z"],
            "loss": "von_mises_fisher",
            "metrics": "pointing",
        }
    },
    "plots": [],
    "training": {"epochs": 2, "batch_size": 128, "steps_per_epoch": 4},
}
JOBS = (SMALL, MANY, IMAGES)
WITHIN = 1.5


def measure_peak(job: Path, folder: Path) -> float:
    """Run a job to its end and return the peak of its resident memory [MiB]."""
    roots = {"WIRECHAMBER_RUNS": "runs", "WIRECHAMBER_REGISTRY": "registry", "WIRECHAMBER_DATA": "data"}
    environment = {**os.environ, **{name: str(folder / below) for name, below in roots.items()}}
    process = subprocess.Popen(
        [sys.executable, "app/run.py", "--config", str(job)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{job.name} ended with {process.returncode}")
    return usage.ru_maxrss / 1024


def estimate_job(job: Path) -> dict[str, float]:
    """Return what a process of its own estimates [MiB]."""
    code = (
        "import json, sys; from app.config.job_file import load; from app.training.estimate import estimate;"
        "e = estimate(load(sys.argv[1])[0]);"
        "print(json.dumps({n: getattr(e, n) for n in ('host', 'held', 'weights', 'activations', 'event')}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(job)], cwd=ROOT, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure, print and record."""
    chosen = parse_options(__doc__)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for content in JOBS[:1] if chosen.quick else JOBS:
            path = Path(folder) / f"{content['name']}.json"
            path.write_text(json.dumps(content))
            estimate, measured = estimate_job(path), measure_peak(path, Path(folder))
            host = estimate["host"] / 2**20
            ratio = host / measured
            rows.append(
                {
                    "job": content["name"],
                    "estimated [MiB]": round(host),
                    "of which data": round(estimate["held"] / 2**20),
                    "measured peak [MiB]": round(measured),
                    "ratio": round(ratio, 2),
                    "within 1.5": "yes" if 1 / WITHIN <= ratio <= WITHIN else "NO",
                }
            )
            sys.stderr.write(f"{estimate}\n")
    report("Memory: the estimate against the peak of a run", rows, chosen)


if __name__ == "__main__":
    main()
