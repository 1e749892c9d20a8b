"""A distribution before and after its events are weighted."""

import numpy as np

from app.plots import PLOTS, Needs
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.style import BLUE, GREY, Figure, Scale, draw_legend, grid, label, styled, symbol


@PLOTS("reweighting", needs=Needs(weighting=True))
@styled
def reweighting(inputs: PlotInputs) -> Figure:
    """Training events per bin, and the sum of their weights, on each axis of the job's histograms.

    Each histogram is drawn with its own weights only: where a job multiplies several, each flattens its own axes.

    Args:
        inputs: the run or the job; it needs the histograms that were filled on the training split.

    Returns:
        One panel for each axis; the others are summed over.
    """
    axes_of = [(weighting, axis) for weighting in inputs.weighting for axis in range(len(weighting["targets"]))]
    figure, panels = grid(len(axes_of))
    for panel, (weighting, axis) in zip(panels, axes_of, strict=True):
        counts, weights = np.asarray(weighting["counts"]), np.asarray(weighting["weights"])
        edges, target = np.asarray(weighting["edges"][axis]), weighting["targets"][axis]
        others = tuple(i for i in range(counts.ndim) if i != axis)
        before, after = (np.asarray(values.sum(axis=others)) for values in (counts, counts * weights))
        used = weights[counts > 0]
        text = f"weighted, weights {used.min():.2g} to {used.max():.2g}"
        panel.stairs(before, edges, fill=True, color=GREY, alpha=0.35, label="events")
        panel.stairs(after, edges, color=BLUE, linewidth=2, label=text)
        panel.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.35 * max(before.max(), after.max())))
        panel.set_xlabel(Scale(1.0, inputs.units.get(target, "")).axis(symbol(target)))
        panel.set_ylabel("training events per bin")
        draw_legend(panel, loc="upper left", ncols=2)
    label(inputs, panels)
    return figure
