"""Position error of extrapolated tracks against momentum, beside every baseline."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.statistics.bins import Edges, bins_of
from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.style import Axes, Curve, Figure, curves, label, new_figure, styled
from app.predictions import Predictions

FEWEST = 20
"""Tracks that a bin needs to be drawn: the 95th percentile of fewer is one single track."""


@PLOTS("error_against_momentum", needs=Needs(targets=("x", "y"), columns=("p",)))
@styled
def error_against_momentum(
    inputs: PlotInputs, *, momentum_bins: Edges = (0.5, 0.7, 1, 1.4, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100)
) -> Figure:
    """Mean position error in bins of momentum with the range from the 68th to the 95th percentile.

    The error is sqrt(dx^2 + dy^2). Bins with fewer than 20 tracks are left out.

    Args:
        inputs: the run; needs x, y [mm] and the column p [GeV].
        momentum_bins: rising bin edges [GeV].

    Returns:
        One panel, both axes logarithmic; points stand at the bins' geometric centres.
    """
    known = curves(inputs.events, "x", "y")
    tables = [(curve, _by_bin(inputs.events, values, momentum_bins)) for curve, values in known]
    figure = new_figure()
    axes = figure.subplots()
    for curve, table in tables:
        _draw(axes, curve, table)
    axes.set(xscale="log", yscale="log", xlabel="$p$ [GeV]", ylabel="position error [mm]")
    _plain_decades(axes)
    _legend(axes, np.concatenate([table[2:].ravel() for _, table in tables]))
    label(inputs, [axes])
    return figure


def _by_bin(events: Predictions, values: Mapping[str, Any], edges: tuple[float, ...]) -> NDArray[np.float64]:
    """Return low, high, mean, 68 % and 95 % error (5, bins) of the bins with enough tracks."""
    error = np.hypot(*(np.asarray(values[t], np.float64) - events.true[t] for t in ("x", "y")))
    rows = []
    for low, high, inside in bins_of(events.columns["p"], edges):
        chosen = error[inside]
        if len(chosen) >= FEWEST:
            rows.append((low, high, chosen.mean(), *np.percentile(chosen, [68, 95])))
    return np.array(rows).reshape(-1, 5).T


def _draw(axes: Axes, curve: Curve, table: NDArray[np.float64]) -> None:
    low, high, mean, p68, p95 = table
    look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "label": curve.name}
    axes.plot(np.sqrt(low * high), mean, **look)
    for left, right, below, above in zip(low, high, p68, p95, strict=True):
        axes.fill_between((left, right), below, above, color=curve.colour, alpha=0.22, linewidth=0)


def _plain_decades(axes: Axes) -> None:
    """Write 2, 5, 10, 20 GeV instead of powers of ten: the range is two decades at most."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _legend(axes: Axes, drawn: NDArray[np.float64]) -> None:
    """Put the legend above the curves: they run over decades, and no corner is sure to be free."""
    positive = drawn[drawn > 0]
    low, high = (positive.min() / 1.5, positive.max() * 1.5) if len(positive) else (0.1, 1.0)
    lines = 1.5 + (len(axes.get_legend_handles_labels()[1]) + 1) // 2
    axes.set_ylim(low, high * (high / low) ** (0.07 * lines))
    axes.legend(loc="upper center", ncols=2, title="points: mean; bands: from 68 % to 95 % of the tracks")
