"""Where did the electron go? Planes, networks and losses on the same simulated scatters, and the axis of the charge.

`python benchmarks/electron_direction.py --runs FOLDER [--events 20000] [--rows NAME ...] [--real FILE.root]` trains
json/electron_direction/three_planes.json once for each row, with nothing changed but what the row is about, and prints
the table. `--events` counts training events; 2,000 for the validation and 10,000 for the test come on top, the same for
all rows. A run that is there already is not done again. `--real` prints where the networks of the rows point real
events of a ROOT file of trigger primitives, as they are and with wrong conventions.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _results import ROOT, report

JOB = ROOT / "json" / "electron_direction" / "three_planes.json"
VALIDATION, TEST = 2_000, 10_000
TASK = "direction"
OTHER_PLANES = 'dataset.planes=["x"]'
ROWS: dict[str, list[str]] = {
    "three planes": [],
    "cosine_similarity": [f"tasks.{TASK}.loss=cosine_similarity"],
    "angular": [f"tasks.{TASK}.loss=angular"],
    "mse": [f"tasks.{TASK}.loss=mse", f"tasks.{TASK}.transform=unit_vector"],
    "hybrid": [f"tasks.{TASK}.loss=hybrid"],
    "focal_angular": [f"tasks.{TASK}.loss=focal_angular"],
    "X alone": [OTHER_PLANES, "model.name=plane_cnn"],
    "ensemble of 3": ['ensemble={"members": 3, "bootstrap": false}'],
    "bootstrap ensemble of 3": ['ensemble={"members": 3, "bootstrap": true}'],
    "attention": ["model.name=three_plane_attention"],
}
"""What each row changes in the job."""
PROCESSOR, MIRRORS = "processor.json", "mirror_average.json"
"""Files that are added to a run's own."""
BASELINES = {"principal_axis": "principal axis", "principal_axis_true_sign": "principal axis, true sign"}
COLUMNS = {
    "mean [deg]": "angle_mean_deg",
    "median [deg]": "angle_median_deg",
    "68 % [deg]": "angle_68_deg",
    "flips [%]": "head_tail_fraction",
    "most certain half, mean [deg]": "angle_mean_best_half_deg",
}


def make_settings(options: argparse.Namespace) -> list[str]:
    """Return what all rows have in common."""
    every = options.events + options.held_out[0] + options.held_out[1]
    shares = {"train": round(options.events / every, 9), "validation": round(options.held_out[0] / every, 9)}
    shares["test"] = round(1.0 - sum(shares.values()), 9)
    settings = ["plots=[]", f"dataset.simulate.events={every}", f"dataset.split={json.dumps(shares)}"]
    return settings + ([f"training.epochs={options.epochs}"] if options.epochs else [])


def run(row: str, options: argparse.Namespace) -> Path:
    """Train one row unless it is done, and return its folder."""
    name = f"{row.replace(' ', '_')}_{options.events}"
    folder = Path(options.runs) / name
    if not (folder / "metrics.json").exists():
        settings = [f"name={name}", *make_settings(options), *ROWS[row]]
        words = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, str(ROOT / "app" / "run.py"), "--config", str(JOB), "--overwrite", *words]
        roots = {"WIRECHAMBER_RUNS": str(options.runs), "WIRECHAMBER_REGISTRY": str(options.runs / "registry")}
        before = _processor()
        subprocess.run(command, check=True, env={**os.environ, **roots}, stdout=subprocess.DEVNULL)
        (folder / PROCESSOR).write_text(json.dumps(_processor() - before))
    return folder


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def select_angles(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the columns of the table that are known."""
    found = {title: figures[name] for title, name in COLUMNS.items() if name in figures}
    return {title: 100 * value if "%]" in title else value for title, value in found.items()}


def measure_row(row: str, folder: Path) -> dict[str, Any]:
    """Return a finished row of the table."""
    model = json.loads((folder / "metrics.json").read_text())[TASK]["model"]
    seconds = json.loads((folder / "history.json").read_text())["training_time"]
    parameters = json.loads((folder / "model_config.json").read_text())["parameters"]
    processor = folder / PROCESSOR
    return {
        "row": row,
        **select_angles(model),
        "training [s]": float(seconds),
        "processor, whole run [s]": float(json.loads(processor.read_text())) if processor.exists() else "",
        "parameters": f"{parameters:,}",
    }


def measure_mirrored(row: str, folder: Path) -> dict[str, Any]:
    """Return the row of a finished run whose predictions are averaged over the mirror images of each event."""
    from _mirror_average import average_mirrored

    kept = folder / MIRRORS
    if not kept.exists():
        kept.write_text(json.dumps(average_mirrored(folder)))
    return {"row": f"{row}, mirror images averaged", **select_angles(json.loads(kept.read_text()))}


def measure_baselines(folder: Path) -> list[dict[str, Any]]:
    """Return the rows that need no training."""
    found = json.loads((folder / "metrics.json").read_text())[TASK]["baselines"]
    return [{"row": title, **select_angles(found[name])} for name, title in BASELINES.items()]


def compare_by_energy(folders: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return the median angle [deg] of each row in bins of the electron's energy, a row of the table for each bin."""
    bins = {r: json.loads((f / "metrics.json").read_text())[TASK]["model"]["bins"] for r, f in folders.items()}
    return [
        {
            "E [MeV]": f"{1e3 * cell['low']:.0f}-{1e3 * cell['high']:.0f}",
            "test events": cell["rows"],
            **{row: cells[number].get("angle_median_deg", "") for row, cells in bins.items()},
        }
        for number, cell in enumerate(next(iter(bins.values())))
    ]


def measure_real_electrons(folders: Mapping[str, Path], file: Path) -> list[dict[str, Any]]:
    """Return where each network points the main tracks of a real file, rightly read and with wrong conventions."""
    from _real_electrons import CONTROLS, predict_directions, summarize_angles

    found = {(row, c): predict_directions(folder, file, c) for row, folder in folders.items() for c in CONTROLS}
    return [
        {"row": r, "read": control, **summarize_angles(angle)}
        for (r, control), angle in found.items()
        if angle is not None
    ]


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, help="in place of the job's own")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--mirrors", nargs="+", choices=list(ROWS), help="rows to predict from all mirror images too")
    parser.add_argument("--real", type=Path, help="ROOT file of trigger primitives")
    parser.add_argument("--quick", action="store_true", help="400 events, 2 epochs: do they run? nothing is recorded")
    parser.add_argument("--json", action="store_true", help="one JSON object of the figures on the last line")
    options = parser.parse_args(words)
    options.held_out = (VALIDATION, TEST)
    if options.quick:
        options.events, options.epochs, options.held_out = 400, 2, (100, 500)
    return options


def main() -> None:
    """Train what is not there yet, and print the tables."""
    options = parse_arguments()
    folders = {row: run(row, options) for row in options.rows}
    first = next(iter(folders.values()))
    rows = [*measure_baselines(first), *(measure_row(row, folder) for row, folder in folders.items())]
    if options.mirrors:
        rows += [measure_mirrored(row, folders[row]) for row in options.mirrors if row in folders]
    report(f"Electron direction, {options.events:,} training events", rows, options)
    report("Median angle [deg] by energy", compare_by_energy(folders), options)
    if options.real:
        report(f"Real events of {options.real.name}", measure_real_electrons(folders, options.real), options)


if __name__ == "__main__":
    main()
