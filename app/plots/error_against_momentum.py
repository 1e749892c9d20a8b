"""Position error of extrapolated tracks against momentum, next to every baseline."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.statistics.bins import Edges, bins_of
from app.plots import PLOTS, Needs
from app.plots.drawing.filled_bins import edges_with
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.style import Figure, curves, draw_legend, label, new_figure, styled
from app.predictions import Predictions

FEWEST = 20
"""A bin with fewer tracks is not drawn, because its 95th percentile is a single track."""


@PLOTS("error_against_momentum", needs=Needs(targets=("x", "y"), columns=("p",)))
@styled
def error_against_momentum(
    inputs: PlotInputs, *, momentum_bins: Edges = (0.5, 0.7, 1, 1.4, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100)
) -> Figure:
    """Mean position error in bins of momentum with the range from the 68th to the 95th percentile.

    The error is sqrt(dx^2 + dy^2). Bins with fewer than 20 tracks are left out; where all have
    fewer there are bins with equally many.

    Args:
        inputs: the run; needs x, y [mm] and the column p [GeV].
        momentum_bins: rising bin edges [GeV].

    Returns:
        One panel, both axes logarithmic; points are at the geometric centres of the bins.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = new_figure()
    axes = figure.subplots()
    lowest, highest = math.inf, 0.0
    momentum_bins = edges_with(np.asarray(inputs.events.columns["p"], np.float64), momentum_bins, FEWEST)
    for curve, values in curves(inputs.events, "x", "y"):
        table = errors_by_momentum(inputs.events, values, momentum_bins)
        low, high, mean, p68, p95 = table
        look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "label": curve.name}
        axes.plot(np.sqrt(low * high), mean, **look)
        for left, right, below, above in zip(low, high, p68, p95, strict=True):
            axes.fill_between((left, right), below, above, color=curve.colour, alpha=0.22, linewidth=0)
        positive = table[2:][table[2:] > 0]
        lowest, highest = min(lowest, *positive, math.inf), max(highest, *positive, 0.0)
    axes.set(xscale="log", yscale="log", xlabel="$p$ [GeV]", ylabel="position error [mm]")
    # The range is two decades at most: 2, 5, 10, 20 GeV are easier to read than powers of ten.
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    # The curves run over decades, and no corner is certainly free: the legend has a place of its own above them.
    bottom, top = (lowest / 1.5, highest * 1.5) if highest else (0.1, 1.0)
    lines = 1.5 + (len(axes.get_legend_handles_labels()[1]) + 1) // 2
    axes.set_ylim(bottom, top * (top / bottom) ** (0.07 * lines))
    draw_legend(axes, loc="upper center", ncols=2, title="points: mean; bands: from 68 % to 95 % of the tracks")
    label(inputs, [axes])
    return figure


def errors_by_momentum(events: Predictions, values: Mapping[str, Any], edges: Edges) -> NDArray[np.float64]:
    """Return low, high, mean, 68th and 95th percentile of the position error (5, bins) in bins with enough tracks.

    Args:
        events: truth x, y [mm] and the column p [GeV].
        values: predicted x, y [mm], (N,) each.
        edges: rising bin edges [GeV].
    """
    error = np.hypot(*(np.asarray(values[t], np.float64) - events.true[t] for t in ("x", "y")))
    rows = []
    for low, high, inside in bins_of(events.columns["p"], edges):
        chosen = error[inside]
        if len(chosen) >= FEWEST:
            rows.append((low, high, chosen.mean(), *np.percentile(chosen, [68, 95])))
    return np.array(rows).reshape(-1, 5).T
