"""The comparison drawn: metrics with errors, changes by bin, accuracy against training events, size against speed."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from app.comparison.compare import Comparison
from app.comparison.compared_run import ComparedRun, best_runge_kutta
from app.comparison.curves import (
    BenchmarkedRun,
    add_legend,
    choose_styles,
    is_wide,
    loss_curves,
    speed_and_accuracy,
    term_curves,
)
from app.comparison.run_metrics import MetricKey
from app.plots.drawing.save import save_figure
from app.plots.drawing.style import GREY, Axes, Figure, draw_legend, new_figure, styled

logger = logging.getLogger(__name__)


def draw(comparison: Comparison, folder: Path) -> list[Path]:
    """Write every plot that applies into `folder`, which is made where it is missing; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[], Figure | None]] = {}
    for task in comparison.run_metrics.leading:
        plots[f"metric_{task}"] = partial(leading_metric, comparison, task)
        plots[f"change_{task}"] = partial(change_by_bin, comparison, task)
        plots[f"learning_curve_{task}"] = partial(learning_curve, comparison, task)
        plots[f"accuracy_speed_{task}"] = partial(accuracy_and_speed, comparison, task)
    histories = {run.name: run.history for run in comparison.runs}
    plots["loss_curves"] = partial(loss_curves, histories, families(comparison))
    plots["loss_terms"] = partial(term_curves, histories, families(comparison))
    plots["convergence"] = partial(epochs_by_size, comparison)
    files = []
    for name, make in plots.items():
        figure, path = make(), folder / f"{name}.png"
        if figure is not None:
            save_figure(figure, path)
            files.append(path)
    return files


def families(comparison: Comparison) -> dict[str, str]:
    """Return the model of each run, whatever its size: it gives the run's colour."""
    return {run.name: run.family for run in comparison.runs}


def add_titles(axes: Axes, comparison: Comparison) -> None:
    """Write the application above the axes, and "Simulation" where a run was tested on simulated data."""
    axes.set_title(comparison.runs[0].application.replace("_", " "), loc="left", fontweight="bold")
    if any(run.provenance.get("dataset", {}).get("simulated") for run in comparison.runs):
        axes.set_title("Simulation", loc="right", fontstyle="italic")


@styled
def leading_metric(comparison: Comparison, task: str) -> Figure:
    """The leading metric of every run with its uncertainty, and the strongest baseline."""
    names, reference = [run.name for run in comparison.runs], comparison.reference
    figure = new_figure(8.0, 1.8 + 0.5 * len(names))
    axes = figure.subplots()
    key, styles = MetricKey(comparison.run_metrics.leading[task]), choose_styles(families(comparison))
    for row, name in enumerate(names):
        metrics, look = comparison.metrics[name], styles[name]
        axes.errorbar(metrics.value[key], row, xerr=metrics.error(key), fmt=look.marker, color=look.colour, capsize=4)
    values = [comparison.metrics[name].value[key] for name in names]
    results = comparison.runs[names.index(reference)].metrics[task]
    primary, best = results["metric"], min if results["better"] == "lower" else max
    baselines = {name: metrics[primary] for name, metrics in results["baselines"].items() if primary in metrics}
    if baselines:
        strongest = best(baselines, key=lambda name: baselines[name])
        label = f"{strongest.replace('_', ' ')} (baseline)"
        axes.axvline(baselines[strongest], color=GREY, linestyle="--", label=label)
        draw_legend(axes, loc="best")
        values.append(baselines[strongest])
    if is_wide(values):
        axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [f"{name} (reference)" if name == reference else name for name in names])
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(f"{key.name} ({comparison.run_metrics.better[task]} is better)")
    add_titles(axes, comparison)
    return figure


@styled
def change_by_bin(comparison: Comparison, task: str) -> Figure | None:
    """The change against the reference in each bin with its uncertainty; above 0 is better. None without bins."""
    changes = {name: of_run[task] for name, of_run in comparison.changes.items()}
    known = {name: [change for change in of_run if change.percent is not None] for name, of_run in changes.items()}
    labels = list(dict.fromkeys(change.key.label for of_run in changes.values() for change in of_run))
    if len(labels) < 2:
        logger.debug("plot change_%s left out: its metric has no bins; the table has the change of all events", task)
        return None
    figure = new_figure(8.0, 5.2)
    axes = figure.subplots()
    width, styles = 0.6 / max(len(changes), 1), choose_styles(families(comparison))
    for number, (name, of_run) in enumerate(known.items()):
        shift = width * (number - (len(changes) - 1) / 2)
        x = [labels.index(change.key.label) + shift for change in of_run]
        y, errors = [change.percent or 0.0 for change in of_run], [change.error or 0.0 for change in of_run]
        marker, colour = styles[name].marker, styles[name].colour
        axes.errorbar(x, y, errors, linestyle="none", capsize=3, color=colour, marker=marker, label=name)
    axes.axhline(0.0, color=GREY, linewidth=1.2)
    if any(abs(change.percent or 0.0) > 1000 for of_run in known.values() for change in of_run):
        axes.set_yscale("symlog", linthresh=100)
    axes.set_xticks(range(len(labels)), labels)
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.set_xlabel(comparison.run_metrics.binned_in[task] or "events")
    axes.set_ylabel(f"{comparison.run_metrics.leading[task]}:\nchange against {comparison.reference} [%]")
    add_legend(axes, title="above 0: better")
    add_titles(axes, comparison)
    return figure


@styled
def learning_curve(comparison: Comparison, task: str) -> Figure | None:
    """The leading metric against the number of training events; None where all runs have the same number."""
    runs = sorted((run for run in comparison.runs if run.train_rows), key=lambda run: run.train_rows or 0)
    if len({run.train_rows for run in runs}) < 2:
        return None
    figure = new_figure(8.0, 5.2)
    axes, key = figure.subplots(), MetricKey(comparison.run_metrics.leading[task])
    models = list(dict.fromkeys(run.model for run in runs))
    styles = choose_styles({model: model for model in models})
    for model in models:
        same = [run for run in runs if run.model == model]
        metrics = [comparison.metrics[run.name] for run in same]
        x = np.array([run.train_rows or 0 for run in same], np.float64)
        y = [of_run.value[key] for of_run in metrics]
        errors = np.array([of_run.error(key) or 0.0 for of_run in metrics])
        marker, colour = styles[model].marker, styles[model].colour
        axes.errorbar(x, y, yerr=errors, color=colour, marker=marker, capsize=3, label=model)
    axes.set_xscale("log")
    if is_wide([comparison.metrics[run.name].value[key] for run in runs]):
        axes.set_yscale("log")
    axes.set_xlabel("training events")
    axes.set_ylabel(f"{key.name} ({comparison.run_metrics.better[task]} is better)")
    add_legend(axes)
    add_titles(axes, comparison)
    return figure


def accuracy_and_speed(comparison: Comparison, task: str) -> Figure | None:
    """The leading metric against the throughput, with Runge-Kutta; None where fewer than two were benchmarked."""
    metric, better = comparison.run_metrics.leading[task], comparison.run_metrics.better[task]
    benchmarked = [
        BenchmarkedRun(run.name, run.family, throughput, comparison.metrics[run.name].value[MetricKey(metric)])
        for run in comparison.runs
        if (throughput := run.throughput())
    ]
    runge_kutta = best_runge_kutta(run.benchmark for run in comparison.runs) if metric == "pos_mean_mm" else []
    return speed_and_accuracy(benchmarked, runge_kutta, metric, better) if len(benchmarked) > 1 else None


@styled
def epochs_by_size(comparison: Comparison) -> Figure | None:
    """Epochs to 90 % of the final accuracy, and their training time, against the number of parameters."""
    runs = [run for run in comparison.runs if run.parameters and comparison.convergence[run.name].epochs_to_90]
    if not runs:
        return None
    figure = new_figure(13.5, 4.8)
    panels = figure.subplots(1, 2)
    _draw_against_size(panels[0], comparison, runs, "epochs_to_90", "epochs to 90 % of the final accuracy")
    _draw_against_size(panels[1], comparison, runs, "seconds_to_90", "training time to 90 % [s]")
    add_legend(panels[1])
    add_titles(panels[0], comparison)
    return figure


def _draw_against_size(axes: Axes, comparison: Comparison, runs: list[ComparedRun], attribute: str, label: str) -> None:
    styles = choose_styles(families(comparison))
    values = {run.name: getattr(comparison.convergence[run.name], attribute) for run in runs}
    runs = [run for run in runs if values[run.name] is not None]
    for family in dict.fromkeys(run.family for run in runs):
        same = sorted((run for run in runs if run.family == family), key=lambda run: run.parameters)
        x, y = [run.parameters for run in same], [values[run.name] for run in same]
        axes.plot(x, y, color=GREY, linewidth=0.6, zorder=1)
    for run in runs:
        look = styles[run.name]
        axes.plot(run.parameters, values[run.name], look.marker, color=look.colour, markersize=9, label=run.name)
    axes.set(xscale="log", xlabel="parameters", ylabel=label)
    axes.margins(0.15)
    axes.set_ylim(bottom=0)
