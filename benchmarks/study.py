"""Which architecture is best at how many tracks: the runs behind the tables of docs/results/track_extrapolation.md.

`python benchmarks/study.py --runs FOLDER [--field maxwell] [--seeds 1 2 3] [--tracks 1000 5000 15000 200000]` trains
every model at every number of training tracks with every seed, each as an ordinary job with the same number of steps
and the same size of validation and test split, and prints the table. A run that is there already is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JOBS = ROOT / "json" / "track_extrapolation"
HELD_OUT = 1500
STEPS_PER_EPOCH = 47
MODELS = {
    "mlp": ("study.json", []),
    "mlp on the thin lens": ("mlp_medium.json", []),
    "pinn, data only": ("pinn.json", ["constraints=[]"]),
    "pinn, lambda 0.1": ("pinn.json", []),
    "rk_pinn, lambda 0.01": ("rk_pinn.json", []),
}
FIELDS = {
    "gaussian": [],
    "maxwell": [
        'dataset.simulate.field={"name": "gaussian_dipole", "maxwell": true}',
        "dataset.simulate.dz=[4161, 6161]",
        'model.inputs.features=["y", "tx", "ty", "qop", "dz", "lens_u", "lens_v", "lens_tx", "lens_ty"]',
    ],
}


def run(name: str, job: Path, settings: list[str], runs: Path) -> dict[str, float]:
    """Train one job unless it is done, and return position errors by name: its own and its baselines'."""
    folder = runs / name
    if not (folder / "metrics.json").exists():
        words = [word for setting in (f"name={name}", "plots=[]", *settings) for word in ("--set", setting)]
        command = [sys.executable, str(ROOT / "app" / "run.py"), "--config", str(job), "--overwrite", *words]
        roots = {"WIRECHAMBER_RUNS": str(runs), "WIRECHAMBER_REGISTRY": str(runs / "registry")}
        subprocess.run(command, check=True, env={**os.environ, **roots}, stdout=subprocess.DEVNULL)
    (task,) = json.loads((folder / "metrics.json").read_text()).values()
    seconds = json.loads((folder / "history.json").read_text())["training_time"]
    return {
        "model": task["model"]["pos_mean_mm"],
        "slope": task["model"]["slope_mean"],
        "polynomial": task["baselines"]["polynomial"]["pos_mean_mm"],
        "seconds": seconds,
    }


def make_settings(tracks: int, seed: int, field: str) -> list[str]:
    """Return what all models of one cell of the table have in common."""
    every = tracks + 2 * HELD_OUT
    shares = {"train": round(tracks / every, 9), "validation": round(HELD_OUT / every, 9)}
    shares["test"] = round(1.0 - sum(shares.values()), 9)
    return [
        f"seed={seed}",
        f"dataset.simulate.tracks={every}",
        f"dataset.split={json.dumps(shares)}",
        f"training.steps_per_epoch={STEPS_PER_EPOCH}",
        *FIELDS[field],
    ]


def format_table(found: dict[tuple[str, int, int], dict[str, float]], tracks: list[int]) -> str:
    """Return mean and spread over seeds of the position error [mm], models down and training tracks across."""
    lines = ["| model | " + " | ".join(f"{n:,}" for n in tracks) + " |", "|---|" + "---|" * len(tracks)]

    def cell(model: str, n: int, key: str) -> str:
        values = [figures[key] for (m, t, _), figures in found.items() if (m, t) == (model, n)]
        spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 and key == "model" else ""
        return f"{statistics.mean(values):.3g}{spread}" if values else "-"

    for model in MODELS:
        lines.append(f"| {model} | " + " | ".join(cell(model, n, "model") for n in tracks) + " |")
    first = next(iter(MODELS))
    lines.append("| polynomial | " + " | ".join(cell(first, n, "polynomial") for n in tracks) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--field", choices=list(FIELDS), default="gaussian")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--tracks", type=int, nargs="+", default=[1000, 5000, 15000, 200000])
    parser.add_argument("--quick", action="store_true", help="one seed, 1,000 tracks")
    options = parser.parse_args()
    seeds, tracks = ([1], [1000]) if options.quick else (options.seeds, options.tracks)
    found = {}
    for seed, n, (model, (job, own)) in product(seeds, tracks, MODELS.items()):
        word = model.replace(",", "").replace(" ", "_")
        settings = [*make_settings(n, seed, options.field), *own]
        found[model, n, seed] = run(f"{options.field}_{word}_{n}_{seed}", JOBS / job, settings, options.runs)
        print(model, n, seed, found[model, n, seed], flush=True)
    print(format_table(found, tracks))


if __name__ == "__main__":
    main()
