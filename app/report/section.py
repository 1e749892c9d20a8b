"""What the report says of one run: its record in the registry, and what its directory holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.comparison.compared_run import ComparedRun, batch_sizes, highest_throughput
from app.comparison.convergence import Convergence, describe_convergence
from app.core.errors import UserError
from app.core.passwords import hide_passwords
from app.history import flatten_epoch
from app.runs.directory import RunDirectory
from app.runs.files import read_file
from registry import Record, cells

CLASSICAL = ("polynomial", "rk4", "straight_line", "thin_lens")
"""Models without a training, which are the references of networks in a table."""
Row = tuple[str, list[float | None]]


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

    throughput = property(lambda self: highest_throughput(self.benchmark))
    family = property(lambda self: str(self.job.get("model", {}).get("name", "?")))
    is_reference = property(lambda self: self.family in CLASSICAL)
    state = property(lambda self: cells.state(self.record).partition(" ")[2])  # not every screen has the symbols
    time = property(lambda self: cells.duration(self.record.training_time))
    job_text = property(lambda self: json.dumps(self.job, indent=2))
    provenance_text = property(lambda self: json.dumps(self.provenance, indent=2))

    @property
    def anchor(self) -> str:
        """The section's address in the page."""
        return f"run-{self.record.run}"

    @property
    def against(self) -> str:
        """How the run compares with the baselines; of a run that is not done, why."""
        if self.record.state != "done":
            return self.record.reason
        return cells.against(self.record).removeprefix(cells.UNBEATEN).strip()

    @property
    def devices(self) -> list[str]:
        """What was benchmarked: cpu, and gpu where there was one."""
        rows = [row for _, row in batch_sizes(self.benchmark)]
        return [device for device in ("cpu", "gpu") if any(f"throughput_{device}" in row for row in rows)]

    @property
    def inference(self) -> list[tuple[str, list[str]]]:
        """Rows of the benchmark: batch size, and for each device the time [ms] and the events/s."""
        rows = []
        for size, row in batch_sizes(self.benchmark):
            texts = []
            for device in self.devices:
                seconds, rate = row.get(f"inference_time_{device}"), row.get(f"throughput_{device}")
                if isinstance(seconds, int | float) and isinstance(rate, int | float):
                    texts.append(f"{1e3 * seconds:.3g} ms, {rate:,.0f} events/s")
                else:
                    texts.append("")
            rows.append((size, texts))
        return rows

    @property
    def tasks(self) -> list[tuple[str, str, list[Row]]]:
        """Task, leading metric, and its value by bin, of the run and each baseline: (bin, values)."""
        tasks = []
        for name, results in self.metrics.items():
            metric, models = results["metric"], [results["model"], *results["baselines"].values()]
            rows: list[Row] = [("all", [model.get(metric) for model in models])]
            for position, content in enumerate(results["model"].get("bins", ())):
                bins = [model.get("bins", ()) for model in models]
                values = [b[position].get(metric) if position < len(b) else None for b in bins]
                rows.append((f"{content['low']:g} - {content['high']:g}", values))
            tasks.append((name, metric, rows))
        return tasks

    @property
    def names(self) -> dict[str, list[str]]:
        """The columns of each task's table."""
        return {name: [self.record.run, *results["baselines"]] for name, results in self.metrics.items()}

    @property
    def convergence(self) -> Convergence | None:
        """How its training went; None where there was none, or where its files do not say."""
        if not (self.history.get("train") and self.metrics):
            return None
        known = (self.job, self.metrics, self.history, self.provenance)
        try:
            return describe_convergence(ComparedRun(RunDirectory(self.folder), *known, model_config={}))
        except (TypeError, ValueError, LookupError):  # a history with other things than numbers in it
            return None

    @property
    def curves(self) -> dict[str, Any]:
        """The loss curves for the browser: epochs, and by name one value an epoch or null."""
        train, val = self.history.get("train", []), self.history.get("val", [])
        rows = [flatten_epoch(epoch) for epoch in train]
        terms = sorted({key for row in rows for key in row if key.endswith("_loss")} - {"data_loss"})
        lines = {"training": [_shorten(row.get("loss")) for row in rows]}
        lines["validation"] = [_shorten(row.get("loss")) for row in val]
        if len(terms) > 1:
            lines |= {term.removesuffix("_loss"): [_shorten(row.get(term)) for row in rows] for term in terms}
        return {"epochs": [row["epoch"] for row in rows], "lines": lines}


def _shorten(value: Any) -> float | None:
    """Return a loss with the digits that a screen shows; None where it has no logarithm."""
    return float(f"{value:.4g}") if isinstance(value, int | float) and 0 < value < 1e300 else None


def read_section(record: Record, root: Path, remark: str = "") -> Section:
    """Read the files of a run that are there; only a run that is done is expected to have all of them."""
    run, troubles = RunDirectory(root / record.run), list[str]()
    done = record.state == "done" and run.path.is_dir()
    if record.state == "done" and not done:
        troubles.append("its directory is not on this machine")
    history = run.history if done else _newest_history(run)
    contents = []
    for path in (run.job, run.provenance, run.metrics, history, run.benchmark):
        content: dict[str, Any] = {}
        if path.exists() or (done and path != run.benchmark):
            try:
                content = read_file(path)
            except UserError as error:
                troubles.append(str(error))
        contents.append(hide_passwords(content))  # versions before 0.2 kept them
    job, provenance, metrics, history, benchmark = contents
    if not all(isinstance(results, dict) and "model" in results for results in metrics.values()):
        metrics = {}
        troubles.append(f"{run.metrics.name} does not hold the metrics of tasks")
    plots = sorted(run.plots.glob("*.png")) if done else []
    return Section(record, run.path, job, provenance, metrics, history, benchmark, plots, troubles, remark)


def _newest_history(run: RunDirectory) -> Path:
    """Return where the history of a run that is not done stands: in its newest checkpoint, once there is one."""
    found: list[Path] = sorted(run.checkpoints.glob("epoch_*/progress.json"))
    return found[-1] if found else run.history
