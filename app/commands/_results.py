"""Results of a run on the console: metrics next to baselines, and where the files are."""

from pathlib import Path
from typing import Any

from app.core.files import read_json
from app.runs.directory import RunDirectory
from app.runtime.console import console, table


def show_run(run: RunDirectory) -> None:
    """Print the result of a run and where its files are."""
    show_results(run.name, read_json(run.metrics), run.path)
    for path in sorted(run.plots.glob("*.png")):
        console.print(f"plot: {path}")


def show_results(run: str, results: dict[str, Any], folder: Path, where: str = "the test split") -> None:
    """Print the metrics of every task next to the baselines, on all events and by bin."""
    for task, content in results.items():
        metric, model, baselines = content["metric"], content["model"], content["baselines"]
        bins = model.get("bins", [])
        labels = ["all", *(f"{values['low']:g} - {values['high']:g}" for values in bins)]
        columns = [[values, *values.get("bins", [])] for values in (model, *baselines.values())]
        rows = [
            [label, str(of_model.get("rows", "")), *(f"{values[metric]:.4g}" for values in (of_model, *others))]
            for label, of_model, *others in zip(labels, *columns, strict=True)
        ]
        title = f"{run}, {task}: {metric} on {where} ({model.get('rows', '?')} events)"
        table(title, [content.get("binned_in", "") if bins else "", "events", run, *baselines], rows)
        if content.get("members"):
            from app.execution.results import describe_members

            console.print(describe_members(content))
        others = {name: value for name, value in model.items() if isinstance(value, float) and name != metric}
        console.print("  ".join(f"{name} {value:.4g}" for name, value in others.items()))
    console.print(f"directory: {folder}")
