"""Results of a run on the console: metrics next to baselines, and where the files are."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.files import read_json
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
    units = read_json(run.provenance).get("dataset", {}).get("units", {}) if run.provenance.exists() else {}
    for task, content in results.items():
        metric, model, baselines = content["metric"], content["model"], content["baselines"]
        bins = model.get("bins", [])
        labels = ["all", *(f"{values['low']:g} - {values['high']:g}" for values in bins)]
        columns = [[values, *values.get("bins", [])] for values in (model, *baselines.values())]
        rows = [
            [label, str(of_model.get("rows", "")), *(f"{values[metric]:.4g}" for values in (of_model, *others))]
            for label, of_model, *others in zip(labels, *columns, strict=True)
        ]
        title = f"{run.name}, {task}: {metric} on {where} ({model.get('rows', '?')} events)"
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
    if run.job.exists() and read_json(run.job).get("weighting"):
        console.print("every event counts alike in the metrics and the baselines: only the loss is weighted")
    console.print(f"directory: {folder}")


def unit_of(metric: str, units: Mapping[str, str]) -> str:
    """Return the unit of a metric: of its name, as in `pos_68_mm`, or of its target, as in `energy_bias`; else nothing.

    Args:
        metric: its name.
        units: of the targets.
    """
    target = re.sub("_(mean_absolute|bias|rms|68|res_68pct)$", "", metric)
    named = metric.rpartition("_")[2]
    return named if named in ("mm", "deg") else units.get(target, "") if target != metric else ""
