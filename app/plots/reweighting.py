"""A distribution before and after its events are weighted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.style import BLUE, GREY, Axes, Figure, Scale, grid, label, styled, symbol


@PLOTS("reweighting", needs=Needs(weighting=True))
@styled
def reweighting(inputs: PlotInputs) -> Figure:
    """Training events per bin, and the sum of their weights, on each axis of the job's histograms.

    The weights of one histogram are drawn alone: where a job multiplies several, each flattens its own axes only.

    Args:
        inputs: the run or the job; needs what its histograms found on the training split.

    Returns:
        One panel for each axis; the others are summed over.
    """
    axes_of = [(one, axis) for one in inputs.weighting for axis in range(len(one["targets"]))]
    figure, panels = grid(len(axes_of))
    for panel, (one, axis) in zip(panels, axes_of, strict=True):
        _panel(panel, one, axis, inputs.units)
    label(inputs, panels)
    return figure


def _panel(axes: Axes, found: Any, axis: int, units: Any) -> None:
    counts, weights = np.asarray(found["counts"]), np.asarray(found["weights"])
    edges, target = np.asarray(found["edges"][axis]), found["targets"][axis]
    before, after = (_projected(values, axis) for values in (counts, counts * weights))
    axes.stairs(before, edges, fill=True, color=GREY, alpha=0.35, label="events")
    axes.stairs(after, edges, color=BLUE, linewidth=2, label=f"weighted, weights {_range(counts, weights)}")
    axes.set_ylim(0, 1.35 * max(before.max(), after.max()))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(Scale(1.0, units.get(target, "")).axis(symbol(target)))
    axes.set_ylabel("training events per bin")
    axes.legend(loc="upper left", ncols=2)


def _projected(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.asarray(values.sum(axis=tuple(i for i in range(values.ndim) if i != axis)))


def _range(counts: NDArray[Any], weights: NDArray[Any]) -> str:
    used = weights[counts > 0]
    return f"{used.min():.2g} to {used.max():.2g}"
