"""What every benchmark does with its figures: measure in turn, print a table, record it with machine and commit."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
HEADER = "# Measured\n\nWritten by the scripts in this folder; each section says on which machine and commit.\n"

Row = Mapping[str, Any]


def parse_options(description: str | None) -> argparse.Namespace:
    """Read `--quick` (seconds, nothing recorded) and `--json` (one JSON object as the last line)."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a run of seconds; nothing is recorded")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
    return parser.parse_args()


def time_call(work: Callable[[], Any]) -> Callable[[], float]:
    """Return a function that does the work and returns the seconds it took."""

    def measure() -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return measure


def measure_in_turn(cases: Mapping[str, Callable[[], float]], repetitions: int) -> dict[str, float]:
    """Return the median seconds of each case; the cases take turns, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for measure in cases.values():
        measure()  # compilation and caches
    for _ in range(repetitions):
        for name, measure in cases.items():
            seconds[name].append(measure())
    return {name: statistics.median(values) for name, values in seconds.items()}


def report(
    title: str, rows: Sequence[Row], chosen: argparse.Namespace, notes: Sequence[str] = (), figures: Row | None = None
) -> None:
    """Print the rows as a table, append them to RESULTS.md unless `--quick`, and print them as JSON if asked.

    Single `figures` by name stand in the JSON next to the rows.
    """
    text = "\n".join([_table(rows), *(f"\n{note}" for note in notes)])
    print(f"{title}\n\n{text}")
    if not chosen.quick:
        _record(f"## {title}\n\n{machine()}, commit {commit()}, {datetime.date.today().isoformat()}\n\n{text}\n")
    if chosen.json:
        facts = {"title": title, "machine": machine(), "commit": commit()}
        print(json.dumps({**facts, **(figures or {}), "rows": [dict(row) for row in rows]}))


def _record(section: str) -> None:
    before = RESULTS.read_text() if RESULTS.exists() else HEADER
    RESULTS.write_text(f"{before.rstrip()}\n\n{section}")


def _table(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_cell(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    written = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([written[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *written[1:]])


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def machine() -> str:
    """Return processor, usable cores and how busy the machine is."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, load {os.getloadavg()[0]:.1f}"


def commit() -> str:
    """Return the short commit, marked when files that git knows differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/RESULTS.md", ":!registry")
    return (git("rev-parse", "--short", "HEAD") or "none") + (" and changes" if changed else "")
