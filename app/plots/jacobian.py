"""The transport Jacobian's error, element by element."""

import numpy as np

from app.plots import PLOTS, Needs
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.style import Figure, label, new_figure, styled, symbol

LEAST, MOST = 1e-6, 1.0
"""The range of the colours: from the rounding of a float32 to the straight line's own Jacobian."""


@PLOTS("jacobian", needs=Needs(jacobian=True))
@styled
def jacobian(inputs: PlotInputs) -> Figure:
    """Relative error of d(x, y, tx, ty) out / d(x, y, tx, ty, q/p) in, as a table of 4 x 5 colours with numbers.

    The RMS of the error is divided by the RMS of the effect of the field on the element; 1 is the straight line. An
    element that the field does not change is in italics, and its error is relative to its size without a field.

    Args:
        inputs: the run; needs jacobian.json, which `wirechamber evaluate RUN --jacobian` writes.

    Returns:
        One panel: outputs are rows, inputs columns.
    """
    from matplotlib.colors import LogNorm

    content = inputs.jacobian or {}
    figure = new_figure(8.6, 5.6)
    axes = figure.subplots()
    values = np.asarray(content["relative_error"])
    norm = LogNorm(LEAST, MOST, clip=True)
    image = axes.imshow(np.maximum(values, LEAST), norm=norm, cmap="cividis_r", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = norm(max(value, LEAST)) > 0.6
        look = "italic" if content["of"][row][column] == "line" else "normal"
        axes.text(column, row, f"{value:.1e}", ha="center", va="center", style=look, color="white" if dark else "black")
    axes.set_xticks(range(len(content["inputs"])), [rf"$\partial$ {symbol(name)}" for name in content["inputs"]])
    axes.set_yticks(range(len(content["outputs"])), [rf"$\partial$ {symbol(name)}" for name in content["outputs"]])
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    axes.set(xlabel="start state", ylabel="end state")
    bar = figure.colorbar(image, ax=axes, extend="both")
    bar.set_label("RMS error / RMS effect of the field")
    note = f"{content['rows']} tracks; 1 is the straight line; italics: over the element's size without a field"
    axes.text(0, -0.16, note, transform=axes.transAxes, fontsize=11)
    label(inputs, [axes])
    return figure
