"""What one image of the light says: every task and its baselines, together and alone, and with flat directions.

`python benchmarks/photon_calorimeter.py --runs FOLDER [--events 20000] [--epochs 10] [--preset small]` trains
`all_tasks.json`, each of its tasks alone, and the angle with and without `reweighted.json`, all on the same events with
the same number of steps, and prints the table. A run that is there already is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.predictions import Predictions  # noqa: E402

JOBS = ROOT / "json" / "photon_calorimeter"
TASKS = ("angle", "energy", "timing", "uvwFI")
UNITS = {"angle": (1.0, "deg"), "energy": (1e3, "MeV"), "timing": (1e12, "ps"), "uvwFI": (1.0, "cm")}
SPARSE = 0.1


def run(name: str, job: str, settings: list[str], options: argparse.Namespace) -> Path:
    """Train one job unless it is done, and return its folder."""
    folder = options.runs / name
    if not (folder / "metrics.json").exists():
        every = [
            f"name={name}",
            "plots=[]",
            f"dataset.simulate.events={options.events}",
            f"training.epochs={options.epochs}",
            f"model.preset={options.preset}",
            *settings,
        ]
        words = [word for setting in every for word in ("--set", setting)]
        command = [sys.executable, str(ROOT / "app" / "run.py"), "--config", str(JOBS / job), "--overwrite", *words]
        roots = {"WIRECHAMBER_RUNS": str(options.runs), "WIRECHAMBER_REGISTRY": str(options.runs / "registry")}
        subprocess.run(command, check=True, env={**os.environ, **roots}, stdout=subprocess.DEVNULL)
    return Path(folder)


def read_task(folder: Path, task: str) -> dict[str, Any]:
    """Return a task's resolution, its baselines' and the unit that they are in."""
    found = json.loads((folder / "metrics.json").read_text())[task]
    factor, unit = UNITS[task]
    baselines = {name: factor * figures[found["metric"]] for name, figures in found["baselines"].items()}
    return {"model": factor * found["model"][found["metric"]], "baselines": baselines, "unit": unit}


def training_seconds(folder: Path) -> float:
    """Return how long the training took."""
    return float(json.loads((folder / "history.json").read_text())["training_time"])


def sparse_resolution(folder: Path, histogram: dict[str, Any]) -> dict[str, float]:
    """Return the 68 % opening angle [deg] of the tenth of the test events whose directions are rarest, and of all."""
    events = Predictions.read(folder / "predictions.csv")
    angle = opening_angle(events)
    places = tuple(
        np.clip(np.searchsorted(edges, events.true[name], side="right") - 1, 0, len(edges) - 2)
        for name, edges in zip(histogram["targets"], histogram["edges"], strict=True)
    )
    density = np.asarray(histogram["counts"])[places]
    sparse = np.argsort(density, kind="stable")[: round(SPARSE * len(density))]
    return {"sparse": float(np.percentile(angle[sparse], 68)), "all": float(np.percentile(angle, 68))}


def opening_angle(events: Predictions) -> Any:
    """Return the angles between true and predicted directions [deg]."""

    def vector(values: Any) -> Any:
        theta, phi = (np.radians(values[name]) for name in ("theta", "phi"))
        return np.stack([-np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])

    one, other = vector(events.true), vector(events.predicted)
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(one - other, axis=0) / 2, 0, 1)))


def measure_tasks(options: argparse.Namespace) -> dict[str, Any]:
    """Train what is not there yet, and return all figures."""
    together = run("all_tasks", "all_tasks.json", [], options)
    alone = {}
    for task in TASKS:
        others = [f"tasks.{other}.enabled=false" for other in TASKS if other != task]
        alone[task] = run(f"only_{task}", "all_tasks.json", others, options)
    flat = run("reweighted", "reweighted.json", [], options)
    (histogram,) = json.loads((flat / "normalization.json").read_text())["weighting"]
    return {
        "tasks": {task: read_task(together, task) | {"alone": read_task(alone[task], task)["model"]} for task in TASKS},
        "seconds_together": training_seconds(together),
        "seconds_alone": {task: training_seconds(folder) for task, folder in alone.items()},
        "plain": sparse_resolution(alone["angle"], histogram),
        "reweighted": sparse_resolution(flat, histogram),
    }


def main() -> None:
    """Run the comparison and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--quick", action="store_true", help="400 events, 2 epochs, the tiny preset: do they run?")
    parser.add_argument("--json", action="store_true", help="one JSON object of the figures on the last line")
    options = parser.parse_args()
    if options.quick:
        options.events, options.epochs, options.preset = 400, 2, "tiny"
    found = measure_tasks(options)
    for task, one in found["tasks"].items():
        others = ", ".join(f"{name} {value:.3g}" for name, value in one["baselines"].items())
        print(f"{task}: together {one['model']:.3g} {one['unit']}, alone {one['alone']:.3g}; {others}")
    alone = sum(found["seconds_alone"].values())
    print(f"together {found['seconds_together'] / alone:.2f} of the time of the {len(TASKS)} trainings alone")
    for name in ("plain", "reweighted"):
        print(f"angle, {name}: rarest tenth {found[name]['sparse']:.3g} deg, all {found[name]['all']:.3g} deg")
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
