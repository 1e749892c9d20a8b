"""Mean position error of plain, straight-line-residual and kick heads on 10,000 independent tracks.

The jobs are those of json/track_extrapolation/transforms.json: 15,000 simulated tracks, 2-100 GeV, z 2665 -> 7826 mm.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _results import ROOT, parse_options, report

JOBS = ROOT / "json" / "track_extrapolation" / "transforms.json"


def main() -> None:
    """Train the sweep in a folder of its own and measure every run on the same independent tracks."""
    chosen = parse_options(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {f"WIRECHAMBER_{part}": str(folder / part.lower()) for part in ("RUNS", "REGISTRY", "DATA")}
        rows = measure_transforms(folder, chosen.quick)
    report("Accuracy by transform", rows, chosen, ["Tested on 10,000 independent tracks; mm unless stated otherwise."])


def measure_transforms(folder: Path, quick: bool) -> list[dict[str, object]]:
    """Return one row per run, and one per baseline."""
    from app.cli import main as wirechamber
    from app.config.job_file import load

    short = ["--set", "training.epochs=6", "--set", "training.schedule.warmup_epochs=1"] if quick else []
    _require_success(
        wirechamber(["simulate", "track_states", "--out", str(folder / "test"), "--tracks", "10000", "--seed", "2"])
    )
    _require_success(wirechamber(["run", "--config", str(JOBS), *short]))
    rows: list[dict[str, object]] = []
    for job in load(JOBS):
        run, out = folder / "runs" / job.name, folder / "out" / job.name
        _require_success(
            wirechamber(["evaluate", job.name, "--data", str(folder / "test" / "shard_*.npz"), "--out", str(out)])
        )
        results = json.loads((out / "metrics.json").read_text())["state"]
        seconds = json.loads((run / "history.json").read_text())["training_time"]
        rows.append({"run": job.name, **_figures(results["model"]), "training [s]": seconds})
    baselines = [{"run": name, **_figures(figures)} for name, figures in results["baselines"].items()]
    return [*rows, *baselines]


def _figures(metrics: dict[str, float]) -> dict[str, object]:
    return {name: metrics[name] for name in ("pos_mean_mm", "pos_median_mm", "pos_95_mm", "slope_mean")}


def _require_success(code: int) -> None:
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
