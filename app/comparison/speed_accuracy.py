"""Accuracy against speed: runs as points, Runge-Kutta as the line that a network has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.comparison.looks import looks
from app.comparison.throughput import RungeKutta
from app.plots.style import GREY, WIDE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Point:
    """One benchmarked run: its name, the model that gives the colour, events/s, leading figure."""

    run: str
    model: str
    throughput: float
    value: float


@styled
def speed_and_accuracy(points: Sequence[Point], front: Sequence[RungeKutta], figure_name: str, better: str) -> Figure:
    """Draw the leading figure against the throughput; what lies below and right of Runge-Kutta's line beats it.

    Args:
        points: the runs.
        front: rows of Runge-Kutta that no other one beats; may be empty.
        figure_name: of the leading figure.
        better: "lower" or "higher".
    """
    figure = new_figure(9.0, 6.0)
    axes = figure.subplots()
    for model, look in looks({point.model: point.model for point in points}).items():
        same = [point for point in points if point.model == model]
        x, y = [point.throughput for point in same], [point.value for point in same]
        axes.plot(x, y, marker=look.marker, color=look.colour, linestyle="none", markersize=9, label=model)
        for point in same:
            _name(axes, point.run, point.throughput, point.value, look.colour)
    if front:
        x, y = [row.throughput for row in front], [row.mean for row in front]
        axes.plot(x, y, color=GREY, marker="x", markersize=8, linestyle="--", label="Runge-Kutta, 4th order")
        for row in front:
            _name(axes, str(row.steps), row.throughput, row.mean, GREY)
    _scale(axes, [point.value for point in points] + [row.mean for row in front])
    axes.set_xlabel("events/s (CPU, fastest engine and batch)")
    axes.set_ylabel(f"{figure_name} ({better} is better)")
    axes.legend(loc="best")
    return figure


def _name(axes: Axes, text: str, x: float, y: float, colour: Any) -> None:
    axes.annotate(text, (x, y), xytext=(7, 4), textcoords="offset points", fontsize=9, color=colour)


def _scale(axes: Axes, values: Sequence[float]) -> None:
    axes.set_xscale("log")
    if min(values) > 0 and max(values) / min(values) > WIDE:
        axes.set_yscale("log")
    axes.margins(x=0.18, y=0.08)
