"""What the report says of one run: its record in the registry, and what its directory holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.comparison.throughput import batch_sizes, throughput
from app.core.errors import UserError
from app.history import flatten_epoch
from app.runs.directory import RunDirectory
from app.runs.files import read_file
from registry import Record, cells

CLASSICAL = ("polynomial", "rk4", "straight_line", "thin_lens")
"""Models without a training, which are the references of networks in a table."""


@dataclass(frozen=True)
class Section:
    """One run; `troubles` says which of its files are missing or damaged."""

    record: Record
    folder: Path
    job: Mapping[str, Any]
    provenance: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: Mapping[str, Any]
    benchmark: Mapping[str, Any]
    plots: Sequence[Path]
    troubles: Sequence[str]
    remark: str = ""
    pictures: Mapping[str, str] = field(default_factory=dict)

    throughput = property(lambda self: throughput(self.benchmark))
    is_reference = property(lambda self: self.job.get("model", {}).get("name") in CLASSICAL)
    state = property(lambda self: cells.state(self.record).partition(" ")[2])  # not every screen has the symbols
    time = property(lambda self: cells.duration(self.record.training_time))
    against = property(lambda self: _against(self.record))
    job_text = property(lambda self: json.dumps(self.job, indent=2))
    provenance_text = property(lambda self: json.dumps(self.provenance, indent=2))

    @property
    def anchor(self) -> str:
        """The section's address in the page."""
        return f"run-{self.record.run}"

    @property
    def devices(self) -> list[str]:
        """What was benchmarked: cpu, and gpu where there was one."""
        rows = [row for _, row in batch_sizes(self.benchmark)]
        return [device for device in ("cpu", "gpu") if any(f"throughput_{device}" in row for row in rows)]

    @property
    def inference(self) -> list[tuple[str, list[str]]]:
        """Rows of the benchmark: batch size, and for each device the time [ms] and the events/s."""
        return [(size, [_speed(row, device) for device in self.devices]) for size, row in batch_sizes(self.benchmark)]

    @property
    def tasks(self) -> list[tuple[str, str, list[tuple[str, list[float | None]]]]]:
        """Task, leading figure, and its value by bin, of the run and each baseline: (bin, values)."""
        return [(name, found["metric"], _rows(found)) for name, found in self.metrics.items()]

    @property
    def names(self) -> dict[str, list[str]]:
        """The columns of each task's table."""
        return {name: [self.record.run, *found["baselines"]] for name, found in self.metrics.items()}

    @property
    def curves(self) -> dict[str, Any]:
        """The loss curves for the browser: epochs, and by name one value an epoch or null."""
        train, val = self.history.get("train", []), self.history.get("val", [])
        rows = [flatten_epoch(epoch) for epoch in train]
        terms = sorted({key for row in rows for key in row if key.endswith("_loss")} - {"data_loss"})
        lines = {"training": [_short(row.get("loss")) for row in rows]}
        lines["validation"] = [_short(row.get("loss")) for row in val]
        if len(terms) > 1:
            lines |= {term.removesuffix("_loss"): [_short(row.get(term)) for row in rows] for term in terms}
        return {"epochs": [row["epoch"] for row in rows], "lines": lines}


def _against(record: Record) -> str:
    return cells.against(record).removeprefix(cells.UNBEATEN).strip() if record.state == "done" else record.reason


def _speed(row: Mapping[str, Any], device: str) -> str:
    seconds, rate = row.get(f"inference_time_{device}"), row.get(f"throughput_{device}")
    if isinstance(seconds, int | float) and isinstance(rate, int | float):
        return f"{1e3 * seconds:.3g} ms, {rate:,.0f} events/s"
    return ""


def _rows(found: Mapping[str, Any]) -> list[tuple[str, list[float | None]]]:
    metric, every = found["metric"], [found["model"], *found["baselines"].values()]
    rows = [("all", [one.get(metric) for one in every])]
    for position, part in enumerate(found["model"].get("bins", ())):
        bins = [one.get("bins", ()) for one in every]
        values = [parts[position].get(metric) if position < len(parts) else None for parts in bins]
        rows.append((f"{part['low']:g} - {part['high']:g}", values))
    return rows


def _short(value: Any) -> float | None:
    """Return a loss with the digits that a screen shows; a logarithm has no other values."""
    return float(f"{value:.4g}") if isinstance(value, int | float) and 0 < value < 1e300 else None


def section_of(record: Record, root: Path, remark: str = "") -> Section:
    """Read what is there of a run; a run that has not finished lacks files, which is no fault."""
    run, troubles = RunDirectory(root / record.run), list[str]()
    done = record.state == "done" and run.path.is_dir()
    if record.state == "done" and not done:
        troubles.append("its directory is not on this machine")
    job, provenance, metrics, history = (
        _read(p, troubles, done) for p in (run.job, run.provenance, run.metrics, run.history)
    )
    if not all(isinstance(found, dict) and "model" in found for found in metrics.values()):
        metrics = {}
        troubles.append(f"{run.metrics.name} does not hold the figures of tasks")
    benchmark = _read(run.path / "benchmark.json", troubles, wanted=False)
    plots = sorted(run.plots.glob("*.png")) if done else []
    return Section(record, run.path, job, provenance, metrics, history, benchmark, plots, troubles, remark)


def _read(path: Path, troubles: list[str], wanted: bool) -> dict[str, Any]:
    if not path.exists() and not wanted:
        return {}
    try:
        return read_file(path)
    except UserError as error:
        troubles.append(str(error))
        return {}
