"""Results of a run on the console: metrics next to baselines, and where the files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.core.files import read_json
from app.runs.directory import RunDirectory
from app.runtime.console import console, table


def show(run: RunDirectory) -> None:
    """Print the result of a run and where its files are."""
    show_results(run.name, read_json(run.metrics), run.path)
    for path in sorted(run.plots.glob("*.png")):
        console.print(f"plot: {path}")


def show_results(run: str, results: dict[str, Any], folder: Path, where: str = "the test split") -> None:
    """Print the metrics of every task next to the baselines, in all and by bin."""
    for name, figures in results.items():
        _show_task(run, name, figures, where)
    console.print(f"directory: {folder}")


def _show_task(run: str, task: str, results: dict[str, Any], where: str) -> None:
    metric, model, baselines = results["metric"], results["model"], results["baselines"]
    rows = [_row("all", figures=model, others=baselines, metric=metric)]
    for position, one in enumerate(model.get("bins", [])):
        others = {name: figures["bins"][position] for name, figures in baselines.items()}
        rows.append(_row(f"{one['low']:g} - {one['high']:g}", one, others, metric))
    title = f"{run}, {task}: {metric} on {where} ({model.get('rows', '?')} events)"
    table(title, [results.get("binned_in", "") if model.get("bins") else "", "events", run, *baselines], rows)
    if results.get("members"):
        from app.execution.results import describe_members

        console.print(describe_members(results))
    shown = {k: f"{v:.4g}" for k, v in model.items() if isinstance(v, float) and k != metric}
    console.print("  ".join(f"{name} {value}" for name, value in shown.items()))


def _row(label: str, figures: dict[str, Any], others: dict[str, Any], metric: str) -> list[str]:
    values = [figures[metric], *(other[metric] for other in others.values())]
    return [label, str(figures.get("rows", "")), *(f"{value:.4g}" for value in values)]
