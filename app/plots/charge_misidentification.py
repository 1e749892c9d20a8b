"""How often a muon is given the wrong charge, against its momentum."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.statistics.bins import CHARGES, PT, Edges, bins_of, is_positive, pt_of
from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.style import Axes, Curve, Figure, curves, label, new_figure, styled

FEWEST = 20
"""Muons that a bin needs to be drawn."""
LEAST = 3e-5
"""The axis begins there at the latest: bins without a wrong charge lie on it."""


@PLOTS("charge_misidentification", needs=Needs(columns=("pt",), any_of=CHARGES), per_task=True)
@styled
def charge_misidentification(inputs: PlotInputs, *, pt_bins: Edges = PT) -> Figure:
    """Share of wrong charges in bins of pT, with its binomial error, beside every baseline.

    A bin in which no charge is wrong is drawn as an upper limit at 68 % confidence, 1.14 muons. One line is the share
    of wrong guesses, 1/2.

    Args:
        inputs: the run; needs one of positive, charge, q_over_pt, and pt [GeV] among targets or columns.
        pt_bins: rising bin edges [GeV].

    Returns:
        One panel, both axes logarithmic; bins with fewer than 20 muons are left out.
    """
    events = inputs.events
    target = next(name for name in CHARGES if name in events.true)
    true, pt = is_positive(events.true, target), pt_of(events)
    figure = new_figure()
    axes = figure.subplots()
    for curve, values in curves(events, target):
        _draw(axes, curve, is_positive(values, target) != true, pt, pt_bins)
    axes.axhline(0.5, color="black", linewidth=1, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel=r"$p_\mathrm{T}$ [GeV]", ylabel="wrong charge")
    axes.set_ylim(max(axes.get_ylim()[0], LEAST), 5)
    axes.legend(loc="upper left")
    label(inputs, [axes])
    return figure


def _draw(axes: Axes, curve: Curve, wrong: NDArray[np.bool_], pt: Any, edges: Any) -> None:
    cuts = [cut for cut in bins_of(pt, edges) if cut[2].sum() >= FEWEST]
    if not cuts:
        return
    low, high = (np.array([cut[i] for cut in cuts]) for i in (0, 1))
    number = np.array([cut[2].sum() for cut in cuts])
    share = np.array([wrong[cut[2]].mean() for cut in cuts])
    centre, none = np.sqrt(low * high), share == 0
    shown = np.where(none, 1.14 / number, share)
    error = np.where(none, 0.4 * shown, np.sqrt(share * (1 - share) / number))
    error = np.minimum(error, 0.9 * shown)
    sides = np.stack([error, np.where(none, 0, error)])
    look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker}
    axes.errorbar(
        centre, shown, xerr=[centre - low, high - centre], yerr=sides, uplims=none, elinewidth=1, **look,
        label=f"{curve.name}: {wrong.mean():.2g}",
    )  # fmt: skip
