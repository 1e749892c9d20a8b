"""Distribution of prediction - truth, one panel for each target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.core.types import Count
from app.metrics.regression import half_width_68
from app.plots import PLOTS
from app.plots.inputs import Needs, PlotInputs
from app.plots.quantities import Scale, scale_for, symbol, three_digits
from app.plots.style import BASELINE_COLOURS, BASELINE_DASHES, BLUE, GREY, label, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

COMPARABLE = 10.0
"""A baseline is drawn when its half width is within this factor of the model's: a wider one would be a flat line."""


@PLOTS("residuals", needs=Needs(predictions=True))
@styled
def residuals(inputs: PlotInputs, *, bins: Count = 80) -> Figure:
    """Histograms of prediction - truth with bias, 68 % half width and RMS.

    The range is five half widths to either side of the median; what lies outside is counted on the panel and enters
    the RMS. Baselines are overlaid where they are not so wide that they would be a flat line.

    Args:
        inputs: the run; needs predictions.
        bins: number of bins.

    Returns:
        One panel for each target.
    """
    targets = list(inputs.events.true)
    columns = 2 if len(targets) > 1 else 1
    rows = -(-len(targets) // columns)
    figure = new_figure(6.6 * columns, 5.0 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    axes = list(panels)
    for spare in axes[len(targets) :]:
        spare.remove()
    for panel, target in zip(axes, targets, strict=False):
        _panel(panel, inputs, target, bins)
    label(inputs, axes[0], axes[columns - 1])
    return figure


def _panel(axes: Axes, inputs: PlotInputs, target: str, bins: int) -> None:
    events = inputs.events
    delta = np.asarray(events.predicted[target], np.float64) - events.true[target]
    width = half_width_68(delta) or float(np.abs(delta).max()) or 1.0
    scale = scale_for(inputs.units.get(target, ""), width)
    edges = np.linspace(-5 * width, 5 * width, bins + 1) + np.median(delta)
    _histogram(axes, delta, edges, scale, "model", BLUE, fill=True)
    for (name, values), colour, dashes in zip(events.baselines.items(), BASELINE_COLOURS, BASELINE_DASHES):
        other = np.asarray(values[target], np.float64) - events.true[target]
        if half_width_68(other) < COMPARABLE * width:
            _histogram(axes, other, edges, scale, name.replace("_", " "), colour, dashes=dashes)
    axes.axvline(0, color=GREY, linewidth=1, zorder=0)
    axes.set_xlabel(scale.axis(f"{symbol(target)} prediction $-$ truth"))
    axes.set_ylabel("events per bin")
    axes.set_xlim(edges[0] * scale.factor, edges[-1] * scale.factor)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.45)
    axes.legend(loc="upper left")


def _histogram(
    axes: Axes,
    delta: NDArray[np.float64],
    edges: NDArray[np.float64],
    scale: Scale,
    name: str,
    colour: str,
    *,
    fill: bool = False,
    dashes: object = "-",
) -> None:
    counts, _ = np.histogram(delta, edges)
    outside = 1 - counts.sum() / len(delta)
    text = (
        f"{name}: bias {scale.text(delta.mean())}, 68 % $\\pm${scale.text(half_width_68(delta))},\n"
        f"RMS {scale.text(np.sqrt(np.square(delta).mean()))}, outside {three_digits(100 * outside)} %"
    )
    if fill:
        axes.stairs(counts, edges * scale.factor, fill=True, color=colour, alpha=0.25)
    axes.stairs(counts, edges * scale.factor, color=colour, linestyle=dashes, linewidth=1.8, label=text)
