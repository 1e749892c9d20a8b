"""Accuracy against speed: runs as points, Runge-Kutta as the line that a network has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.comparison.run_styles import add_legend, looks
from app.comparison.throughput import RungeKutta
from app.plots.drawing.style import GREY, WIDE, new_figure, styled

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
    for point, look in zip(points, looks({point.run: point.model for point in points}).values(), strict=True):
        axes.plot(point.throughput, point.value, look.marker, color=look.colour, markersize=9, label=point.run)
    if front:
        x, y = [row.throughput for row in front], [row.mean for row in front]
        axes.plot(x, y, color=GREY, marker="x", markersize=8, linestyle="--", label="Runge-Kutta, 4th order")
        for row in front:
            name, place = f"{row.steps} steps", (row.throughput, row.mean)
            axes.annotate(name, place, xytext=(8, 2), textcoords="offset points", fontsize=10, color=GREY)
    _scale(axes, [point.value for point in points] + [row.mean for row in front])
    axes.set_xlabel("events/s (CPU, fastest engine and batch)")
    axes.set_ylabel(f"{figure_name} ({better} is better)")
    add_legend(axes)
    return figure


def _scale(axes: Axes, values: Sequence[float]) -> None:
    axes.set_xscale("log")
    if min(values) > 0 and max(values) / min(values) > WIDE:
        axes.set_yscale("log")
    axes.margins(x=0.18, y=0.08)
