"""A registry of thousands of records: what its commands and one update take, beside another checkout if one is named.

An update is measured twice: the first of a process, which reads every record, and a later one, as each epoch does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _results import ROOT, measure_in_turn, report

RECORD = {
    **{"state": "done", "metric": "pos_mean_mm", "baselines": {"polynomial": 1.5, "straight_line": 400.0}},
    **{"epochs": 10, "epoch": 10, "best_epoch": 9, "training_time": 12.0, "seed": 1, "rationale": "A test of a size."},
    **{"model": "mlp medium", "parameters": 100_000, "loss": "mse", "transform": "kick", "dataset": "tracks"},
    **{"fingerprint": "0123456789abcdef", "metrics": {f"figure_{n}": n + 0.5 for n in range(12)}},
}
UPDATES = """
import pathlib, sys, time, registry
root = pathlib.Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    begin = time.perf_counter()
    registry.update(root, "run_00001", state="done", value=1.0)
    seconds = time.perf_counter() - begin
print(seconds)
"""
COMMAND = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"


def write_records(root: Path, count: int) -> None:
    """Write a registry of so many finished runs of four applications, an hour old."""
    (root / "runs").mkdir(parents=True)
    then = time.time() - 3600
    for number in range(count):
        path = root / "runs" / f"run_{number:05d}.json"
        own = {"run": path.stem, "application": f"application_{number % 4}", "value": 1 + number / count}
        path.write_text(json.dumps({**RECORD, **own}, indent=2))
        os.utime(path, (then, then))


def run(checkout: Path, folder: Path, code: str, *words: str) -> str:
    """Run a few lines of Python with the program of a checkout."""
    environment = {**os.environ, "WIRECHAMBER_REGISTRY": str(folder), "WIRECHAMBER_RUNS": str(folder / "none")}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Measure the commands on registries of two sizes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few records; nothing is recorded")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another checkout, measured in turn with this one")
    chosen = parser.parse_args()
    checkouts = {"": ROOT, **({"of the other ": chosen.beside.resolve()} if chosen.beside else {})}
    rows = []
    for count in (50, 100) if chosen.quick else (1000, 5000):
        with tempfile.TemporaryDirectory() as name:
            folder, cases = Path(name) / "registry", {}
            write_records(folder, count)
            for whose, checkout in checkouts.items():
                page = str(Path(name) / "page.html")
                for what, words in (("registry", ["registry"]), ("report", ["report", "--out", page])):
                    cases[f"{whose}{what} [s]"] = _timed(checkout, folder, *words)
                for what, times in (("first update", "1"), ("later update", "3")):
                    cases[f"{whose}{what} [s]"] = _updates(checkout, folder, times)
            rows.append({"records": count, **measure_in_turn(cases, 1 if chosen.quick else 3)})
    report("Registry", rows, chosen, ["`registry` and `report` with the start of the process, updates without it."])


def _timed(checkout: Path, folder: Path, *words: str):  # type: ignore[no-untyped-def]
    def measure() -> float:
        begin = time.perf_counter()
        run(checkout, folder, COMMAND, *words)
        return time.perf_counter() - begin

    return measure


def _updates(checkout: Path, folder: Path, times: str):  # type: ignore[no-untyped-def]
    return lambda: float(run(checkout, folder, UPDATES, str(folder), times))


if __name__ == "__main__":
    main()
