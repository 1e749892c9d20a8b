"""Prediction against truth, one panel for each target, with the residual below."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.types import Bins
from app.plots import PLOTS, Needs
from app.plots.drawing import style
from app.plots.drawing.inputs import PlotInputs

CENTRAL = (0.25, 99.75)
"""Percentiles of the truth that set the range, so that a single distant event does not squeeze the others together."""
STRIP_BINS = 20
FEWEST = 20
"""A bin with fewer events is not drawn."""
POINTS = 400
"""So many events, or fewer, are drawn one by one: their density would be single events in most bins."""


@PLOTS("truth_prediction", needs=Needs(numbers=True))
@style.styled
def truth_prediction(inputs: PlotInputs, *, bins: Bins = 80) -> style.Figure:
    """Density of events in prediction and truth with the diagonal; below it the residual's median and central 68 %.

    Of 400 events or fewer each is a point, in both panels.

    Args:
        inputs: the run; needs predictions.
        bins: number of bins along either axis.

    Returns:
        One panel with a residual strip for each target that is not a class; one colour scale, logarithmic, for all,
        where there are densities.
    """
    from matplotlib.colors import LogNorm

    targets = inputs.numbers
    densities = [_Density.of(inputs, target, bins) for target in targets]
    few, norm = len(inputs.events) <= POINTS, LogNorm(1, max(2, *(int(d.counts.max()) for d in densities)))
    columns = min(2, len(targets))
    figure = style.new_figure(6.6 * columns + 0.8, 6.6 * -(-len(targets) // columns))
    rows = -(-len(targets) // columns)
    places = figure.add_gridspec(2 * rows, columns, height_ratios=(3, 1) * rows)
    panels = []
    for index, density in enumerate(densities):
        row, column = divmod(index, columns)
        main = figure.add_subplot(places[2 * row, column])
        strip = figure.add_subplot(places[2 * row + 1, column], sharex=main)
        main.tick_params(labelbottom=False)
        if few:
            main.plot(*density.points, "o", color=style.BLUE, markersize=4, alpha=0.7, label="events")
        else:
            counts = np.ma.masked_less(density.counts.T, 1)
            image = main.pcolormesh(density.edges, density.edges, counts, norm=norm, cmap="viridis", rasterized=True)
        ends = density.edges[[0, -1]]
        main.plot(ends, ends, color=style.RED, linewidth=1, linestyle="--", label="prediction = truth")
        main.set(xlim=ends, ylim=ends, ylabel=density.scale.axis(f"{style.symbol(density.target)} prediction"))
        style.draw_legend(main, loc="best" if few else "upper left")
        (_residual_points if few else _strip)(strip, density)
        panels.append(main)
    if not few:
        figure.colorbar(image, ax=figure.axes, label="events per bin", aspect=40, pad=0.01)
    style.label(inputs, panels)
    return figure


@dataclass(frozen=True)
class _Density:
    """One target in the unit of its axes: events (bins, bins) in truth and prediction, the residual by truth.

    `points` are truth and prediction (2, N), `differences` their residuals (N,).
    """

    target: str
    scale: style.Scale
    edges: NDArray[Any]
    counts: NDArray[Any]
    residual_scale: style.Scale
    residual: NDArray[np.float64]
    points: NDArray[np.float64]
    differences: NDArray[np.float64]

    @classmethod
    def of(cls, inputs: PlotInputs, target: str, bins: int) -> _Density:
        """Count the events of one target; its range is the central 99.5 % of the truth, of few events all there is."""
        true = np.asarray(inputs.events.true[target], np.float64)
        predicted = np.asarray(inputs.events.predicted[target], np.float64)
        few = len(true) <= POINTS
        low, high = np.percentile(np.stack([true, predicted]), (0, 100)) if few else np.percentile(true, CENTRAL)
        margin = 0.04 * (high - low) or abs(high) or 1.0
        edges = np.linspace(low - margin, high + margin, bins + 1)
        unit = inputs.units.get(target, "")
        scale = style.scale_for(unit, max(abs(low), abs(high)))
        table = residuals_by_truth(true, predicted - true, edges)
        drawn = predicted - true if few else table[2:]
        residual_scale = style.scale_for(unit, float(np.abs(drawn).max(initial=0.0)))
        counts, _, _ = np.histogram2d(true, predicted, (edges, edges))
        table[:2] *= scale.factor
        table[2:] *= residual_scale.factor
        points, differences = scale.factor * np.stack([true, predicted]), residual_scale.factor * (predicted - true)
        return cls(target, scale, edges * scale.factor, counts, residual_scale, table, points, differences)


def residuals_by_truth(true: NDArray[Any], delta: NDArray[Any], edges: NDArray[Any]) -> NDArray[np.float64]:
    """Return low, high, median, 15.865th and 84.135th percentile (5, bins) of the residual in bins with enough events.

    Args:
        true: the truth, (N,).
        delta: prediction - truth, (N,).
        edges: of the histogram, whose range is divided into 20 bins.
    """
    rows = []
    for low, high in pairwise(np.linspace(edges[0], edges[-1], STRIP_BINS + 1)):
        chosen = delta[(true >= low) & (true < high)]
        if len(chosen) >= FEWEST:
            rows.append((low, high, *np.percentile(chosen, [50, 15.865, 84.135])))
    return np.array(rows, np.float64).reshape(-1, 5).T


def _residual_points(axes: style.Axes, density: _Density) -> None:
    axes.axhline(0, color=style.GREY, linewidth=1)
    axes.plot(density.points[0], density.differences, "o", color=style.BLUE, markersize=4, alpha=0.7)
    reach = 1.15 * float(np.abs(density.differences).max()) or 1.0
    axes.set(ylim=(-reach, reach), ylabel=density.residual_scale.axis("residual"))
    axes.set_xlabel(density.scale.axis(f"{style.symbol(density.target)} truth"))


def _strip(axes: style.Axes, density: _Density) -> None:
    low, high, median, lower, upper = density.residual
    axes.axhline(0, color=style.GREY, linewidth=1)
    bars = ((median - lower, upper - median), (high - low) / 2)
    axes.errorbar((low + high) / 2, median, *bars, fmt=".", color=style.BLUE, label="median, central 68 %")
    style.draw_legend(axes, loc="upper left", borderaxespad=0.2)
    reach = 1.9 * float(np.abs([lower, upper]).max(initial=0.0)) or 1.0
    axes.set(ylim=(-reach, reach), ylabel=density.residual_scale.axis("residual"))
    axes.set_xlabel(density.scale.axis(f"{style.symbol(density.target)} truth"))
