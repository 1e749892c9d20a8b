"""Results of a run on the console: metrics next to baselines, and where the files are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.files import read_json
from app.evaluation.units import unit_of, units_of, with_unit
from app.runs.directory import RunDirectory
from app.runtime.console import console, table


def show_run(run: RunDirectory) -> None:
    """Print the result of a run and where its files are."""
    show_results(run, read_json(run.metrics), run.path)
    show_plots(sorted(run.plots.glob("*.png")))


def show_plots(paths: Sequence[Path]) -> None:
    """Print where plots of one folder are, in one line."""
    if len(paths) == 1:
        console.print(f"plot: {paths[0]}")
    elif paths:
        console.print(f"plots: {paths[0].parent} ({len(paths)} files)")


def show_results(run: RunDirectory, results: dict[str, Any], folder: Path, where: str = "the test split") -> None:
    """Print the metrics of every task next to the baselines, on all events and by bin."""
    job, provenance = (read_json(path) if path.exists() else {} for path in (run.job, run.provenance))
    units = units_of(job, provenance)
    for task, content in results.items():
        metric, model, baselines = content["metric"], content["model"], content["baselines"]
        bins = model.get("bins", [])
        labels = ["all", *(f"{values['low']:g} - {values['high']:g}" for values in bins)]
        columns = [[values, *values.get("bins", [])] for values in (model, *baselines.values())]
        rows = [
            [label, str(of_model.get("rows", "")), *(f"{values[metric]:.4g}" for values in (of_model, *others))]
            for label, of_model, *others in zip(labels, *columns, strict=True)
        ]
        title = f"{run.name}, {task}: {with_unit(metric, units)} on {where} ({model.get('rows', '?')} events)"
        table(title, [content.get("binned_in", "") if bins else "", "events", run.name, *baselines], rows)
        if content.get("members"):
            from app.execution.results import describe_members

            console.print(describe_members(content))
        others = [name for name, value in model.items() if isinstance(value, float) and name != metric]
        figures = [[values.get(name) for values in (model, *baselines.values())] for name in others]
        rows = [
            [name, unit_of(name, units), *("" if value is None else f"{value:.4g}" for value in values)]
            for name, values in zip(others, figures, strict=True)
        ]
        if rows:
            table(f"{run.name}, {task}: other metrics", ["metric", "unit", run.name, *baselines], rows, numbers_from=2)
    if job.get("weighting"):
        console.print("every event counts alike in the metrics and the baselines: only the loss is weighted")
    console.print(f"directory: {folder}")
