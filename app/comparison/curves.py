"""Figures of several runs from plain values: losses, terms, accuracy against speed; each run has one colour in all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

from app.comparison.compared_run import RungeKutta
from app.history import SUMS, flatten_epoch
from app.plots.drawing.style import COLOURS, GREY, MARKERS, WIDE, Axes, Figure, grid, new_figure, styled

PALEST = 0.45
"""How much of its colour the first run of a model has; the last one has all of it."""
INSIDE = 5
"""A legend of more lines is placed next to the axes, where it hides nothing."""
Histories = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class RunStyle:
    """Colour (red, green, blue) and marker of a run."""

    colour: tuple[float, float, float]
    marker: str


@dataclass(frozen=True)
class BenchmarkedRun:
    """One benchmarked run: its name, the model that gives the colour, events/s, leading metric."""

    run: str
    model: str
    throughput: float
    value: float


def choose_styles(models: Mapping[str, str]) -> dict[str, RunStyle]:
    """Return the style of each run: the colour is that of its model, mixed with white, from pale to full in order.

    Args:
        models: the model of each run.
    """
    names = list(dict.fromkeys(models.values()))
    colours = dict(zip(names, cycle(COLOURS), strict=False))
    positions = {model: count() for model in names}
    sizes = {model: list(models.values()).count(model) for model in names}
    shift = {model: 0 if sizes[model] > 1 else names.index(model) for model in names}
    styles = {}
    for run, model in models.items():
        position = next(positions[model])
        share = 1.0 if sizes[model] == 1 else PALEST + (1 - PALEST) * position / (sizes[model] - 1)
        red, green, blue = (1 - share * (1 - int(colours[model][i : i + 2], 16) / 255) for i in (1, 3, 5))
        styles[run] = RunStyle((red, green, blue), MARKERS[(position + shift[model]) % len(MARKERS)])
    return styles


def add_legend(axes: Axes, title: str | None = None) -> None:
    """Draw the legend inside the axes where it is short, else next to them."""
    handles, labels = axes.get_legend_handles_labels()
    if 0 < len(labels) <= INSIDE:
        axes.legend(loc="best", title=title)
    elif labels:
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), title=title)


@styled
def loss_curves(histories: Histories, models: Mapping[str, str]) -> Figure | None:
    """Training (thin) and validation loss (thick) of every run, its best epoch marked; None where none has epochs.

    Args:
        histories: contents of history.json by run.
        models: by run; runs of one model share a colour.
    """
    trained = {name: history for name, history in histories.items() if history.get("train")}
    if not trained:
        return None
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(9.0, 6.0)
    axes = figure.subplots()
    styles = choose_styles(models)
    for name, history in trained.items():
        colour = styles[name].colour
        marker = "o" if len(history["train"]) < 3 else ""
        axes.plot(*series(history["train"], "loss"), color=colour, linewidth=1, linestyle=":", marker=marker)
        x, y = series(history.get("val", ()), "loss")
        axes.plot(x, y, color=colour, marker=marker, label=name)
        best = history.get("best_epoch")
        if best in x:
            axes.plot(best, y[x.index(best)], "*", color=colour, markersize=13, markeredgecolor="white")
    axes.set(yscale="log", xlabel="epoch", ylabel="loss")
    axes.set_title("dotted: training, full: validation, star: best epoch", loc="left", fontsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(axes)
    return figure


@styled
def term_curves(histories: Histories, models: Mapping[str, str]) -> Figure | None:
    """Each single term of the training loss against the epoch, one panel a term; None where no run has terms."""
    epochs = {name: [flatten_epoch(epoch) for epoch in history.get("train", ())] for name, history in histories.items()}
    keys = {name: {key for row in rows for key in row if key.endswith("_loss")} for name, rows in epochs.items()}
    terms = sorted({key for of_run in keys.values() if of_run - set(SUMS) for key in of_run} - {"physics_loss"})
    if not terms:
        return None
    figure, panels = grid(len(terms))
    styles = choose_styles(models)
    for term, axes in zip(terms, panels, strict=True):
        for name, rows in epochs.items():
            if term in keys[name]:
                axes.plot(*series(rows, term), color=styles[name].colour, label=name)
        axes.set(yscale="log", xlabel="epoch", ylabel=term.removesuffix("_loss").replace("_", " ") + " term")
        add_legend(axes)
    return figure


def series(epochs: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Return the epochs and the values of `key`, NaN where a value has no logarithm."""
    rows = [(int(row["epoch"]), float(row[key])) for row in epochs if isinstance(row.get(key), int | float)]
    return [epoch for epoch, _ in rows], [v if v > 0 and math.isfinite(v) else math.nan for _, v in rows]


def is_wide(values: Sequence[float]) -> bool:
    """Whether positive values spread so far that a logarithmic axis shows them better."""
    return min(values) > 0 and max(values) / min(values) > WIDE


@styled
def speed_and_accuracy(
    runs: Sequence[BenchmarkedRun], runge_kutta: Sequence[RungeKutta], metric: str, better: str
) -> Figure:
    """Draw the leading metric against the throughput; a run below or right of Runge-Kutta's line beats it.

    Args:
        runs: the points.
        runge_kutta: rows that no other one beats, drawn as a line; may be empty.
        metric: name of the leading metric.
        better: "lower" or "higher".
    """
    figure = new_figure(9.0, 6.0)
    axes = figure.subplots()
    styles = choose_styles({run.run: run.model for run in runs})
    for run, style in zip(runs, styles.values(), strict=True):
        axes.plot(run.throughput, run.value, style.marker, color=style.colour, markersize=9, label=run.run)
    if runge_kutta:
        x, y = [row.throughput for row in runge_kutta], [row.mean for row in runge_kutta]
        axes.plot(x, y, color=GREY, marker="x", markersize=8, linestyle="--", label="Runge-Kutta, 4th order")
        for row in runge_kutta:
            label, point = f"{row.steps} steps", (row.throughput, row.mean)
            axes.annotate(label, point, xytext=(8, 2), textcoords="offset points", fontsize=10, color=GREY)
    axes.set_xscale("log")
    if is_wide([run.value for run in runs] + [row.mean for row in runge_kutta]):
        axes.set_yscale("log")
    axes.margins(x=0.18, y=0.08)
    axes.set_xlabel("events/s (CPU, fastest engine and batch)")
    axes.set_ylabel(f"{metric} ({better} is better)")
    add_legend(axes)
    return figure
