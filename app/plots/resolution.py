"""Residuals and resolution of one task, and their dependence on the energy, from predictions.csv alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.types import Bins
from app.metrics.statistics.bins import Edges, bins_of
from app.metrics.statistics.classes import classes_of
from app.plots import PLOTS, Needs
from app.plots.drawing.class_panels import class_figure
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import (
    Reference,
    ResidualSet,
    collect_residuals,
    find_reference,
    percentile_68,
    residual_histogram,
    size_histogram,
)
from app.plots.drawing.style import GREY, Axes, Curve, Figure, draw_legend, grid, label, new_figure, scale_for, styled

FEWEST = 20
"""A bin with fewer events is not drawn, because its 68th percentile depends on single events."""
BINS = 8
FAR_APART = 12.0
"""An axis is logarithmic when its largest resolution, or energy, is more than this many times its smallest."""


@PLOTS("resolution", needs=Needs(predictions=True), per_task=True, formats=("png", "pdf"))
@styled
def resolution(inputs: PlotInputs, *, bins: Bins = 60, energy_bins: Edges | None = None) -> Figure:
    """Residuals of a task and of its baselines, and the resolution against the true energy or momentum.

    There is a row for each target and one for their combination: the opening angle of a direction, the distance of a
    position, the relative residual of an energy. The left panel shows the distribution with bias, 68 % half width and
    RMS about the bias (standard deviation). The right panel shows the 68th percentile of |residual|, which includes the
    bias that a baseline has at one energy, and the mean residual below it. A task of classes has the confusion matrix
    and the ROC curves instead, see `class_figure`.

    Args:
        inputs: the run, with the predictions of one task.
        bins: number of bins of the distributions.
        energy_bins: rising edges of the true energy (or momentum) [GeV]; without them 8 bins over its range.

    Returns:
        Two panels in each row, one where neither the true energy nor the momentum is known.
    """
    reference = find_reference(inputs)
    if energy_bins is None and reference is not None:
        energy_bins = edges_over(reference.known)
    if classes_of(inputs.events):
        return class_figure(inputs, reference, energy_bins)
    residuals = collect_residuals(inputs)
    if reference is None or not _filled(reference, energy_bins):
        figure, panels = grid(len(residuals))
    else:
        figure = new_figure(14.2, 5.0 * len(residuals))
        places = figure.add_gridspec(len(residuals), 2)
        panels = [figure.add_subplot(places[row, 0]) for row in range(len(residuals))]
        for row, residual in enumerate(residuals):
            if residual.signed:
                inner = places[row, 1].subgridspec(2, 1, height_ratios=(3, 1), hspace=0.04)
                above = figure.add_subplot(inner[0])
                below = figure.add_subplot(inner[1], sharex=above)
                above.tick_params(labelbottom=False)
            else:
                above, below = figure.add_subplot(places[row, 1]), None
            _dependence(above, below, residual, reference, energy_bins)
            panels += [above] if row == 0 else []
    for axes, residual in zip(panels, residuals, strict=False):
        if residual.signed:
            quantity = f"{residual.name} prediction $-$ truth"
            residual_histogram(axes, residual.values, residual.unit, quantity, bins, about_bias=True)
        else:
            size_histogram(axes, residual.values, residual.unit, residual.name, bins)
    label(inputs, panels[: len(residuals)] if reference is None else [panels[0], panels[-1]])
    return figure


def edges_over(values: NDArray[Any]) -> tuple[float, ...]:
    """Return the edges of 8 bins over the central 99.8 % of `values`, logarithmic where they span decades."""
    low, high = np.percentile(values, [0.1, 99.9])
    if low >= high:
        return (low - 0.5, low + 0.5)
    spaced = np.geomspace if low > 0 and high / low > FAR_APART else np.linspace
    return tuple(float(edge) for edge in spaced(low, high, BINS + 1))


def _filled(reference: Reference, edges: Any) -> list[tuple[float, float, NDArray[np.bool_]]]:
    return [interval for interval in bins_of(reference.values, edges) if interval[2].sum() >= FEWEST]


def _dependence(above: Axes, below: Axes | None, residual: ResidualSet, reference: Reference, edges: Any) -> None:
    """Draw the resolution in bins of the reference, and below it the mean residual on the scale of the model's own.

    A resolution axis is logarithmic where a baseline is far from the model; a baseline whose bias is far outside the
    lower panel is left out there.
    """
    filled = _filled(reference, edges)
    low, high = (np.array([interval[i] for interval in filled]) for i in (0, 1))
    x_scale = scale_for(reference.unit, float(np.median(reference.known)))
    centre, half = (low + high) / 2 * x_scale.factor, (high - low) / 2 * x_scale.factor
    curves = residual.values.items()
    widths = {c: np.array([percentile_68(np.abs(v[inside])) for *_, inside in filled]) for c, v in curves}
    model_width = float(np.median(next(iter(widths.values()))))
    scale = scale_for(residual.unit, model_width)
    for curve, values in widths.items():
        _points(above, curve, centre, values * scale.factor, half)
    drawn = np.concatenate(list(widths.values())) * scale.factor
    least, most = (drawn[drawn > 0].min(), drawn[drawn > 0].max()) if (drawn > 0).any() else (0.1, 1.0)
    if most / least > FAR_APART:
        above.set(yscale="log", ylim=(least / 1.6, most * (most / least) ** 0.35))
    else:
        above.set_ylim(0, 1.45 * most)
    above.set_ylabel(scale.axis("resolution"))
    title = "68 % of |residuals| lie below" if residual.signed else "68 % lie below"
    draw_legend(above, loc="upper left", ncols=3, title=title, alignment="left")
    if high[-1] / max(low[0], 1e-12) > FAR_APART:
        above.set_xscale("log")
    if below is not None:
        biases = {c: scale.factor * np.array([v[inside].mean() for *_, inside in filled]) for c, v in curves}
        below.axhline(0, color=GREY, linewidth=1)
        largest = float(np.abs(next(iter(biases.values()))).max())
        reach = max(1.4 * largest, 0.6 * model_width * scale.factor) or 1.0
        for curve, values in biases.items():
            if np.abs(values).max() < 1.5 * reach:
                _points(below, curve, centre, values, half)
        below.set(ylim=(-reach, reach), ylabel=scale.axis("bias"))
    (below or above).set_xlabel(x_scale.axis(f"true {reference.name}"))


def _points(axes: Axes, curve: Curve, x: NDArray[Any], y: NDArray[Any], half: NDArray[Any]) -> None:
    look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "label": curve.name}
    axes.errorbar(x, y, xerr=half, elinewidth=1, markersize=6, linewidth=1.5, **look)
