"""How well one task is measured, and how that goes with the energy: from predictions.csv alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.types import Count
from app.metrics.statistics.bins import Edges, bins_of
from app.metrics.statistics.classes import classes_of
from app.plots import PLOTS
from app.plots.drawing.class_panels import class_figure
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.residuals import (
    Against,
    Measured,
    against,
    measured,
    percentile_68,
    residual_histogram,
    size_histogram,
)
from app.plots.drawing.style import GREY, Axes, Curve, Figure, grid, label, new_figure, scale_for, styled

FEWEST = 20
"""Events that a bin needs to be drawn: the 68th percentile of fewer hangs on single ones."""
BINS = 8
FAR_APART = 12.0
"""Ratio of the largest to the smallest resolution from which the axis is logarithmic; and of energies likewise."""


@PLOTS("resolution", needs=Needs(predictions=True), per_task=True, formats=("png", "pdf"))
@styled
def resolution(inputs: PlotInputs, *, bins: Count = 60, energy_bins: Edges | None = None) -> Figure:
    """Residuals of a task beside its baselines, and the resolution against the true energy or momentum.

    A row for each target, and one for what they make together: the opening angle of a direction, the distance of a
    position, the relative residual of an energy. On the left their distribution with bias, 68 % half width and RMS
    about the bias (standard deviation). On the right the 68th percentile of |residual|, which sees the bias that a
    baseline has at one energy, and below it the mean residual. A task of classes: the confusion matrix and the ROC
    curves, see `class_figure`.

    Args:
        inputs: the run, with the predictions of one task.
        bins: number of bins of the distributions.
        energy_bins: rising edges of the true energy (or momentum) [GeV]; without them 8 bins over its range.

    Returns:
        Two panels in each row, one where neither the true energy nor the momentum is known.
    """
    found = against(inputs)
    if energy_bins is None and found is not None:
        energy_bins = _edges(found.known)
    if classes_of(inputs.events):
        return class_figure(inputs, found, energy_bins)
    rows = measured(inputs)
    if found is None or not _filled(found.values, energy_bins):
        figure, panels = grid(len(rows))
    else:
        figure, panels = _with_dependence(rows, found, energy_bins)
    for axes, one in zip(panels, rows, strict=False):
        _distribution(axes, one, bins)
    label(inputs, panels[: len(rows)] if found is None else [panels[0], panels[-1]])
    return figure


def _with_dependence(rows: list[Measured], found: Against, edges: Any) -> tuple[Figure, list[Axes]]:
    """Return the figure with its right side drawn, the panels of its left side, and the first of the right one."""
    figure = new_figure(14.2, 5.0 * len(rows))
    places = figure.add_gridspec(len(rows), 2)
    left = [figure.add_subplot(places[row, 0]) for row in range(len(rows))]
    right = []
    for row, one in enumerate(rows):
        if one.signed:
            inner = places[row, 1].subgridspec(2, 1, height_ratios=(3, 1), hspace=0.04)
            above = figure.add_subplot(inner[0])
            below = figure.add_subplot(inner[1], sharex=above)
            above.tick_params(labelbottom=False)
            _dependence(above, below, one, found, edges)
        else:
            above = figure.add_subplot(places[row, 1])
            _dependence(above, None, one, found, edges)
        right.append(above)
    return figure, [*left, right[0]]


def _distribution(axes: Axes, one: Measured, bins: int) -> None:
    if one.signed:
        residual_histogram(axes, one.values, one.unit, f"{one.name} prediction $-$ truth", bins, about_bias=True)
    else:
        size_histogram(axes, one.values, one.unit, one.name, bins)


def _edges(values: NDArray[Any]) -> tuple[float, ...]:
    low, high = np.percentile(values, [0.1, 99.9])
    if low >= high:
        return (low - 0.5, low + 0.5)
    spaced = np.geomspace if low > 0 and high / low > FAR_APART else np.linspace
    return tuple(float(edge) for edge in spaced(low, high, BINS + 1))


def _filled(values: NDArray[Any], edges: Any) -> list[tuple[float, float, NDArray[np.bool_]]]:
    return [one for one in bins_of(values, edges) if one[2].sum() >= FEWEST]


def _dependence(above: Axes, below: Axes | None, one: Measured, found: Against, edges: Any) -> None:
    filled = _filled(found.values, edges)
    low, high = (np.array([cut[i] for cut in filled]) for i in (0, 1))
    along = scale_for(found.unit, float(np.median(found.known)))
    centre, half = (low + high) / 2 * along.factor, (high - low) / 2 * along.factor
    widths = {c: np.array([percentile_68(np.abs(v[cut])) for *_, cut in filled]) for c, v in one.values.items()}
    scale = scale_for(one.unit, float(np.median(next(iter(widths.values())))))
    for curve, values in widths.items():
        _points(above, curve, centre, values * scale.factor, half)
    _frame(above, np.concatenate(list(widths.values())) * scale.factor)
    above.set_ylabel(scale.axis("resolution"))
    title = "68 % of |residuals| lie below" if one.signed else "68 % lie below"
    above.legend(loc="upper left", ncols=3, title=title, alignment="left")
    if high[-1] / max(low[0], 1e-12) > FAR_APART:
        above.set_xscale("log")
    if below is not None:
        biases = {c: np.array([v[cut].mean() for *_, cut in filled]) for c, v in one.values.items()}
        _biases(below, biases, centre, half, scale.factor, float(np.median(next(iter(widths.values())))))
        below.set_ylabel(scale.axis("bias"))
    (below or above).set_xlabel(along.axis(f"true {found.name}"))


def _points(axes: Axes, curve: Curve, x: NDArray[Any], y: NDArray[Any], half: NDArray[Any]) -> None:
    look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "label": curve.name}
    axes.errorbar(x, y, xerr=half, elinewidth=1, markersize=6, linewidth=1.5, **look)


def _frame(axes: Axes, drawn: NDArray[Any]) -> None:
    """Leave room for the legend above the points; a logarithmic axis where a baseline is far off."""
    positive = drawn[drawn > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (0.1, 1.0)
    if high / low > FAR_APART:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.6, high * (high / low) ** 0.35)
    else:
        axes.set_ylim(0, 1.45 * high)


def _biases(axes: Axes, biases: Any, x: NDArray[Any], half: NDArray[Any], factor: float, size: float) -> None:
    """Draw mean residuals on the scale of the model's; a baseline that runs far out of that is left out."""
    axes.axhline(0, color=GREY, linewidth=1)
    reach = max(1.4 * float(np.abs(next(iter(biases.values()))).max()), 0.6 * size) * factor or 1.0
    for curve, values in biases.items():
        if np.abs(values).max() * factor < 1.5 * reach:
            _points(axes, curve, x, values * factor, half)
    axes.set_ylim(-reach, reach)
