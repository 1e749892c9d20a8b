"""How often a muon is given the wrong charge, against its momentum."""

import numpy as np

from app.metrics.statistics.bins import CHARGES, PT, Edges, bins_of, is_positive, pt_of
from app.plots import PLOTS, Needs
from app.plots.drawing.filled_bins import edges_with
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.style import Figure, curves, draw_legend, label, new_figure, styled

FEWEST = 20
"""A bin with fewer muons is not drawn."""
LEAST = 3e-5
"""Lower limit of the axis, on which the limits of bins without a wrong charge lie."""


@PLOTS("charge_misidentification", needs=Needs(columns=("pt",), any_of=CHARGES), per_task=True)
@styled
def charge_misidentification(inputs: PlotInputs, *, pt_bins: Edges = PT) -> Figure:
    """Share of wrong charges in bins of pT, with its binomial error, of the model and every baseline.

    A bin in which no charge is wrong is drawn as an upper limit at 68 % confidence, 1.14 muons. The dotted line is
    the share of wrong guesses, 1/2.

    Args:
        inputs: the run; needs one of positive, charge, q_over_pt, and pt [GeV] among targets or columns.
        pt_bins: rising bin edges [GeV].

    Returns:
        One panel, both axes logarithmic; bins with fewer than 20 muons are left out; where all
        have fewer there are bins with equally many.
    """
    events = inputs.events
    target = next(name for name in CHARGES if name in events.true)
    true, pt = is_positive(events.true, target), np.asarray(pt_of(events), np.float64)
    pt_bins = edges_with(pt, pt_bins, FEWEST)
    figure = new_figure()
    axes = figure.subplots()
    for curve, values in curves(events, target):
        wrong = is_positive(values, target) != true
        filled = [interval for interval in bins_of(pt, pt_bins) if interval[2].sum() >= FEWEST]
        low, high = (np.array([interval[i] for interval in filled]) for i in (0, 1))
        number = np.array([inside.sum() for *_, inside in filled])
        share = np.array([wrong[inside].mean() for *_, inside in filled])
        centre, none = np.sqrt(low * high), share == 0
        height = np.where(none, 1.14 / number, share)
        error = np.where(none, 0.4 * height, np.sqrt(share * (1 - share) / number))
        error = np.minimum(error, 0.9 * height)
        sides, widths = np.stack([error, np.where(none, 0, error)]), [centre - low, high - centre]
        look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "elinewidth": 1}
        text = f"{curve.name}: {wrong.mean():.2g}"
        axes.errorbar(centre, height, xerr=widths, yerr=sides, uplims=none, **look, label=text)
    axes.axhline(0.5, color="black", linewidth=1, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel=r"$p_\mathrm{T}$ [GeV]", ylabel="wrong charge")
    axes.set_ylim(max(axes.get_ylim()[0], LEAST), 5)
    draw_legend(axes, loc="upper left")
    label(inputs, [axes])
    return figure
