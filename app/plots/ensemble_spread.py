"""Spread of the members of an ensemble compared with their distance from the truth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.types import Bins
from app.metrics.direction import COMPONENTS
from app.metrics.statistics.residuals import half_width_68
from app.physics.directions import DEGREE
from app.plots import PLOTS, Needs
from app.plots.drawing import style
from app.plots.drawing.filled_bins import equal_bins
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import differences, opening_angles, percentile_68

FEWEST = 10
"""A bin with fewer events is not drawn."""


@PLOTS("ensemble_spread", needs=Needs(spread=True), per_task=True)
@style.styled
def ensemble_spread(inputs: PlotInputs, *, bins: Bins = 8) -> style.Figure:
    """Size of the residuals against the spread of the members of an ensemble.

    On the dotted line both are equal. Members that were trained alike have similar errors, and the spread does not
    include the noise of the events themselves, so that most points lie above the line. A curve that rises still shows
    which events to trust.

    Args:
        inputs: the run, with the predictions of one task of an ensemble.
        bins: number of bins, with equally many events.

    Returns:
        A panel for each number, or one for a direction.
    """
    spread = inputs.spread
    figure, panels = style.grid(len(spread))
    for axes, (name, values) in zip(panels, spread.items(), strict=False):
        if name in inputs.events.true:
            residual = np.asarray(next(iter(differences(inputs, name).values())))
            scale = style.scale_for(inputs.units.get(name, ""), max(float(np.median(values)), _rms(residual)))
            widths: dict[str, Any] = {"root mean square": _rms, "68 % half width": half_width_68}
            _compare(axes, np.asarray(values) * scale.factor, residual * scale.factor, widths, bins)
            axes.set_xlabel(scale.axis(f"spread of the members in {style.symbol(name)}"))
            axes.set_ylabel(scale.axis(f"residual of {style.symbol(name)}"))
        else:
            angles = next(iter(opening_angles(inputs, COMPONENTS).values.values()))
            widths = {"root mean square": _rms, "68th percentile": percentile_68}
            _compare(axes, np.asarray(values) / DEGREE, angles, widths, bins)
            axes.set(xlabel="spread of the members [deg]", ylabel="opening angle to the truth [deg]")
    style.label(inputs, panels)
    return figure


def _compare(axes: style.Axes, spread: NDArray[Any], residual: NDArray[Any], widths: dict[str, Any], bins: int) -> None:
    cuts = equal_bins(spread, bins, FEWEST)
    x = np.array([_rms(spread[cut]) for cut in cuts])
    for (name, width), colour, marker in zip(widths.items(), (style.BLUE, style.ORANGE), "os", strict=True):
        y = np.array([width(residual[cut]) for cut in cuts])
        error = y / np.sqrt([2 * cut.sum() for cut in cuts])
        axes.errorbar(x, y, yerr=error, color=colour, marker=marker, elinewidth=1, label=name)
    most = float(x.max()) or 1.0  # members that agree in all events have no spread
    axes.plot([0, most], [0, most], color=style.GREY, linewidth=1, linestyle=":")
    axes.set(xlim=(0, 1.05 * most), ylim=(0, None))
    style.make_room(axes)
    style.draw_legend(axes, loc="upper left")


def _rms(values: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
