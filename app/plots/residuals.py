"""Distribution of prediction - truth, one panel for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from app.core.types import Count
from app.metrics._widths import half_width_68
from app.plots import PLOTS
from app.plots.inputs import Needs, PlotInputs
from app.plots.quantities import Scale, scale_for, symbol
from app.plots.style import GREY, Curve, curves, grid, label, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

HALF_RANGE = 5.0
COMPARABLE = (0.25, 10.0)
"""Half width of a drawn baseline over the model's: a narrower one hides the model, a wider one is a flat line."""


@PLOTS("residuals", needs=Needs(predictions=True))
@styled
def residuals(inputs: PlotInputs, *, bins: Count = 80) -> Figure:
    """Histograms of prediction - truth with bias, 68 % half width and RMS.

    The range is five half widths of the model to either side of its median; what lies outside is counted in the legend
    and enters the numbers. A baseline of quite another width is named with its half width and not drawn.

    Args:
        inputs: the run; needs predictions.
        bins: number of bins.

    Returns:
        One panel for each target.
    """
    targets = list(inputs.events.true)
    figure, panels = grid(len(targets))
    for axes, target in zip(panels, targets, strict=True):
        _panel(axes, inputs, target, bins)
    label(inputs, panels)
    return figure


def _panel(axes: Axes, inputs: PlotInputs, target: str, bins: int) -> None:
    true = np.asarray(inputs.events.true[target], np.float64)
    delta = {curve: np.asarray(values[target], np.float64) - true for curve, values in curves(inputs.events, target)}
    model = next(iter(delta.values()))
    width = half_width_68(model) or float(np.abs(model).max()) or 1.0
    scale = scale_for(inputs.units.get(target, ""), width)
    edges = np.linspace(-HALF_RANGE, HALF_RANGE, bins + 1) * width + np.median(model)
    drawn, others = _comparable(delta, width)
    for curve in drawn:
        _histogram(axes, curve, delta[curve], edges, scale)
    for curve in others:
        size = half_width_68(delta[curve])
        text = scale_for(inputs.units.get(target, ""), size).text(size)
        axes.plot([], [], " ", label=f"{curve.name} (not drawn): 68 % half width {text}")
    _decorate(axes, scale, edges, symbol(target))


def _comparable(delta: Mapping[Curve, NDArray[Any]], width: float) -> tuple[list[Curve], list[Curve]]:
    """Return the curves to draw and those to name only."""
    least, most = (factor * width for factor in COMPARABLE)
    drawn = [curve for curve, values in delta.items() if curve.is_model or least <= half_width_68(values) <= most]
    return drawn, [curve for curve in delta if curve not in drawn]


def _histogram(axes: Axes, curve: Curve, delta: NDArray[Any], edges: NDArray[Any], scale: Scale) -> None:
    counts, _ = np.histogram(delta, edges)
    width = half_width_68(delta)
    text = ", ".join(scale.digits(value, width) for value in (delta.mean(), width, np.sqrt(np.square(delta).mean())))
    outside = 100 * (1 - counts.sum() / len(delta))
    text = f"{curve.name}: {text}" + (f" ({outside:.1f} % outside)" if outside >= 0.05 else "")
    if curve.is_model:
        axes.stairs(counts, edges * scale.factor, fill=True, color=curve.colour, alpha=0.25)
    axes.stairs(counts, edges * scale.factor, color=curve.colour, linestyle=curve.dashes, linewidth=1.8, label=text)


def _decorate(axes: Axes, scale: Scale, edges: NDArray[Any], name: str) -> None:
    top = axes.get_ylim()[1] / 1.05
    axes.set_ylim(0, 1.5 * top)
    axes.vlines(0, 0, 1.05 * top, color=GREY, linewidth=1, linestyle=":")
    axes.set_xlim(edges[0] * scale.factor, edges[-1] * scale.factor)
    axes.set_xlabel(scale.axis(f"{name} prediction $-$ truth"))
    axes.set_ylabel("events per bin")
    title = scale.axis("bias, 68 % half width, RMS")
    axes.legend(loc="upper left", title=title, alignment="left", borderaxespad=0.3)
