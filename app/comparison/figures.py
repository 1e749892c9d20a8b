"""The comparison drawn: figures with errors, changes by bin, accuracy against training events, size against speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.comparison.change import Change
from app.comparison.compare import Comparison
from app.comparison.compared_run import ComparedRun
from app.comparison.curves import loss_curves, term_curves
from app.comparison.measures import Place
from app.comparison.run_styles import add_legend, looks
from app.comparison.speed_accuracy import Point, speed_and_accuracy
from app.comparison.throughput import runge_kutta, throughput
from app.core.files import write_bytes
from app.plots.drawing.style import GREY, WIDE, new_figure, style, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(found: Comparison, folder: Path) -> list[Path]:
    """Write every plot that applies into `folder`, made when it is not there; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, make in _plots(found):
        figure, path = make(), folder / f"{name}.png"
        if figure is not None:
            with style():
                write_bytes(path, partial(figure.savefig, format="png"))
            files.append(path)
    return files


def _plots(found: Comparison) -> Iterator[tuple[str, Callable[[], Figure | None]]]:
    for task in found.measures.leading:
        yield f"metric_{task}", partial(metric, found, task)
        yield f"change_{task}", partial(change_by_bin, found, task)
        yield f"learning_curve_{task}", partial(learning_curve, found, task)
        yield f"accuracy_speed_{task}", partial(accuracy_and_speed, found, task)
    histories = {run.name: run.history for run in found.runs}
    yield "loss_curves", partial(loss_curves, histories, _models(found))
    yield "loss_terms", partial(term_curves, histories, _models(found))
    yield "convergence", partial(speed, found)


def _models(found: Comparison) -> dict[str, str]:
    return {run.name: run.family for run in found.runs}


@styled
def metric(found: Comparison, task: str) -> Figure:
    """The leading figure of every run with its uncertainty, and the strongest baseline."""
    figure = new_figure(8.0, 1.8 + 0.5 * len(found.runs))
    axes = figure.subplots()
    place, drawn = Place(found.measures.leading[task]), looks(_models(found))
    for row, run in enumerate(found.runs):
        sampled = found.figures[run.name]
        look = drawn[run.name]
        axes.errorbar(
            sampled.value[place], row, xerr=sampled.error(place), fmt=look.marker, color=look.colour, capsize=4
        )
    values = [found.figures[run.name].value[place] for run in found.runs]
    baseline = _strongest(found, task)
    if baseline:
        axes.axvline(baseline[1], color=GREY, linestyle="--", label=f"{baseline[0].replace('_', ' ')} (baseline)")
        axes.legend(loc="best")
        values.append(baseline[1])
    if _is_wide(values):
        axes.set_xscale("log")
    axes.set_yticks(range(len(found.runs)), [_marked(run.name, found) for run in found.runs])
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_ylim(len(found.runs) - 0.5, -0.5)
    axes.set_xlabel(f"{place.name} ({found.measures.better[task]} is better)")
    _entitle(axes, found)
    return figure


def _marked(run: str, found: Comparison) -> str:
    return f"{run} (reference)" if run == found.reference else run


def _strongest(found: Comparison, task: str) -> tuple[str, float] | None:
    metrics = next(run for run in found.runs if run.name == found.reference).metrics[task]
    known = {name: one[metrics["metric"]] for name, one in metrics["baselines"].items() if metrics["metric"] in one}
    choose = min if metrics["better"] == "lower" else max
    return choose(known.items(), key=lambda pair: pair[1]) if known else None


def _is_wide(values: list[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) > WIDE


def _entitle(axes: Axes, found: Comparison) -> None:
    axes.set_title(found.runs[0].application.replace("_", " "), loc="left", fontweight="bold")
    if any(run.provenance.get("dataset", {}).get("simulated") for run in found.runs):
        axes.set_title("Simulation", loc="right", fontstyle="italic")


@styled
def change_by_bin(found: Comparison, task: str) -> Figure | None:
    """The change against the reference in each bin with its uncertainty; above 0 is better. None without changes."""
    labels = list(dict.fromkeys(c.place.label for changes in found.changes.values() for c in changes[task]))
    figure = new_figure(8.0, 5.2)
    axes = figure.subplots()
    width = 0.6 / max(len(found.changes), 1)
    drawn = looks(_models(found))
    for number, (name, changes) in enumerate(found.changes.items()):
        shift = width * (number - (len(found.changes) - 1) / 2)
        look = {"color": drawn[name].colour, "marker": drawn[name].marker, "label": name}
        _points(axes, changes[task], labels, shift, look)
    axes.axhline(0.0, color=GREY, linewidth=1.2)
    shown = [c.percent for changes in found.changes.values() for c in changes[task] if c.percent is not None]
    if shown and max(map(abs, shown)) > 1000:
        axes.set_yscale("symlog", linthresh=100)
    axes.set_xticks(range(len(labels)), labels)
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.set_xlabel(found.measures.binned_in[task] or "events")
    axes.set_ylabel(f"{found.measures.leading[task]}:\nchange against {found.reference} [%]")
    add_legend(axes, title="above 0: better")
    _entitle(axes, found)
    return figure


def _points(axes: Axes, changes: Any, labels: list[str], shift: float, look: Mapping[str, Any]) -> None:
    known: list[Change] = [change for change in changes if change.percent is not None]
    x = [labels.index(change.place.label) + shift for change in known]
    errors = [change.error or 0.0 for change in known]
    axes.errorbar(x, [change.percent or 0.0 for change in known], yerr=errors, linestyle="none", capsize=3, **look)


@styled
def learning_curve(found: Comparison, task: str) -> Figure | None:
    """The leading figure against the number of training events; None where all runs have the same number."""
    runs = sorted((run for run in found.runs if run.train_rows), key=lambda run: run.train_rows or 0)
    if len({run.train_rows for run in runs}) < 2:
        return None
    figure = new_figure(8.0, 5.2)
    axes, place = figure.subplots(), Place(found.measures.leading[task])
    models = {run.model: [one for one in runs if one.model == run.model] for run in runs}
    drawn = looks({model: model for model in models})
    for model, same in models.items():
        y = [found.figures[run.name].value[place] for run in same]
        errors = np.array([found.figures[run.name].error(place) or 0.0 for run in same])
        x = np.array([run.train_rows or 0 for run in same], np.float64)
        look = drawn[model]
        axes.errorbar(x, y, yerr=errors, color=look.colour, marker=look.marker, capsize=3, label=model)
    axes.set_xscale("log")
    if _is_wide([found.figures[run.name].value[place] for run in runs]):
        axes.set_yscale("log")
    axes.set_xlabel("training events")
    axes.set_ylabel(f"{place.name} ({found.measures.better[task]} is better)")
    add_legend(axes)
    _entitle(axes, found)
    return figure


def accuracy_and_speed(found: Comparison, task: str) -> Figure | None:
    """The leading figure against the throughput, with Runge-Kutta; None where fewer than two were benchmarked."""
    metric, better = found.measures.leading[task], found.measures.better[task]
    points = [
        Point(run.name, run.family, speed, found.figures[run.name].value[Place(metric)])
        for run in found.runs
        if (speed := throughput(run.benchmark))
    ]
    front = runge_kutta(run.benchmark for run in found.runs) if metric == "pos_mean_mm" else []
    return speed_and_accuracy(points, front, metric, better) if len(points) > 1 else None


@styled
def speed(found: Comparison) -> Figure | None:
    """Epochs to 90 % of the final accuracy, and their training time, against the number of parameters."""
    known = [run for run in found.runs if run.parameters and found.convergence[run.name].epochs_to_90]
    if not known:
        return None
    figure = new_figure(13.5, 4.8)
    panels = figure.subplots(1, 2)
    _against_size(panels[0], found, known, "epochs_to_90", "epochs to 90 % of the final accuracy")
    _against_size(panels[1], found, known, "seconds_to_90", "training time to 90 % [s]")
    add_legend(panels[1])
    _entitle(panels[0], found)
    return figure


def _against_size(axes: Axes, found: Comparison, runs: list[ComparedRun], what: str, label: str) -> None:
    drawn, models = looks(_models(found)), _models(found)
    values = {run.name: getattr(found.convergence[run.name], what) for run in runs}
    for model in dict.fromkeys(models[run.name] for run in runs):
        same = sorted((run for run in runs if models[run.name] == model), key=lambda run: run.parameters)
        line = [(run.parameters, values[run.name]) for run in same if values[run.name] is not None]
        if line:
            axes.plot(*zip(*line, strict=True), color=GREY, linewidth=0.6, zorder=1)
    for run in runs:
        if values[run.name] is not None:
            look = drawn[run.name]
            axes.plot(run.parameters, values[run.name], look.marker, color=look.colour, markersize=9, label=run.name)
    axes.set(xscale="log", xlabel="parameters", ylabel=label)
    axes.margins(0.15)
    axes.set_ylim(bottom=0)
