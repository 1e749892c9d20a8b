"""Angle between predicted and true directions, by energy too, and how often head and tail are exchanged."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.core.types import Bins
from app.metrics.direction import COMPONENTS
from app.metrics.pointing import SUPERNOVA_ENERGIES
from app.metrics.statistics.bins import Edges, bins_of
from app.plots import PLOTS, Needs
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import Reference, Residuals, find_reference, opening_angles, percentile_68
from app.plots.drawing.style import GREY, Axes, Figure, draw_legend, label, new_figure, scale_for, styled

FEWEST = 20
"""A bin with fewer events is not drawn."""
REACH = 99.0
"""The axis covers at least this percentile of the model's angles, rounded up to a multiple of 30 degrees."""


@PLOTS("opening_angle", needs=Needs(direction=True), per_task=True)
@styled
def opening_angle_figure(inputs: PlotInputs, *, bins: Bins = 60, energy_bins: Edges = SUPERNOVA_ENERGIES) -> Figure:
    """Opening angle between predicted and true direction, its dependence on the energy, and head-tail confusion.

    The left panel shows the distribution, with the one of isotropic guesses, dN/d(angle) = sin(angle) / 2; the middle
    panel the median (full symbols) and the 68th percentile (open) in bins of energy; the right panel the share of
    predictions beyond 90 degrees, whose head and tail are exchanged: 1/2 for a guess. The bins are those of the metric
    `pointing`. Baselines are drawn in all panels.

    Args:
        inputs: the run, with the predictions of one task of a direction.
        bins: number of bins of the distribution.
        energy_bins: rising edges of the true energy [GeV]; a bin needs 20 events.

    Returns:
        Three panels, one where neither the true energy nor the momentum is known.
    """
    angles = opening_angles(inputs, COMPONENTS).values
    reference = find_reference(inputs)
    intervals = bins_of(reference.values, energy_bins) if reference is not None else ()
    filled = [interval for interval in intervals if interval[2].sum() >= FEWEST]
    figure = new_figure(20.0 if filled else 8.0, 6.4)
    panels = figure.subplots(1, 3 if filled else 1, squeeze=False)[0]
    _distribution(panels[0], angles, bins)
    if reference is not None and filled:
        _dependence(panels[1], panels[2], angles, reference, filled)
    label(inputs, [panels[0], panels[-1]])
    return figure


def _distribution(axes: Axes, angles: Residuals, bins: int) -> None:
    model = next(iter(angles.values()))
    end = min(180.0, 30.0 * np.ceil(np.percentile(model, REACH) / 30))
    edges = np.linspace(0, end, bins + 1)
    for curve, values in angles.items():
        counts, _ = np.histogram(values, edges)
        if curve.is_model:
            axes.stairs(counts, edges, fill=True, color=curve.colour, alpha=0.25)
        text = f"{curve.name}: {np.median(values):.1f}, {percentile_68(values):.1f}"
        axes.stairs(counts, edges, color=curve.colour, linestyle=curve.dashes, linewidth=1.8, label=text)
    guess = len(model) * -np.diff(np.cos(np.radians(edges))) / 2
    look: dict[str, Any] = {"color": GREY, "linestyle": ":", "linewidth": 1.2, "baseline": None}
    axes.stairs(guess, edges, **look, label="isotropic guesses: 90.0, 111.1")
    axes.set(xlim=(0, end), ylim=(0, 1.5 * axes.get_ylim()[1]), xlabel="opening angle [°]", ylabel="events per bin")
    draw_legend(axes, loc="upper right", title="median, 68 % lie below [°]", alignment="left")


def _dependence(
    sizes: Axes, exchanged: Axes, angles: Residuals, reference: Reference, filled: Sequence[tuple[float, float, Any]]
) -> None:
    """Draw median and 68th percentile of the angle, and the share beyond 90 degrees, in bins of the reference."""
    scale = scale_for(reference.unit, float(np.median(reference.known)))
    low, high = (scale.factor * np.array([interval[i] for interval in filled]) for i in (0, 1))
    x, half = (low + high) / 2, (high - low) / 2
    highest = 0.0
    for curve, values in angles.items():
        middle = np.array([np.median(values[inside]) for *_, inside in filled])
        wide = np.array([percentile_68(values[inside]) for *_, inside in filled])
        share = np.array([np.mean(values[inside] > 90) for *_, inside in filled])
        error = np.sqrt(share * (1 - share) / [inside.sum() for *_, inside in filled])
        look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "elinewidth": 1}
        sizes.errorbar(x, middle, xerr=half, **look, label=curve.name)
        sizes.errorbar(x, wide, **{**look, "linewidth": 1}, markerfacecolor="none")
        text = f"{curve.name}: {np.mean(values > 90):.3f}"
        exchanged.errorbar(x, share, xerr=half, yerr=error, **look, label=text)
        highest = max(highest, float(wide.max()))
    exchanged.axhline(0.5, color=GREY, linewidth=1, linestyle=":")
    sizes.set(ylim=(0, 1.4 * highest or 1), ylabel="opening angle [°]")
    exchanged.set(ylim=(0, 1.1), ylabel="share beyond 90°: head and tail exchanged")
    for axes, title in ((sizes, "full: median; open: 68 % lie below"), (exchanged, "all energies")):
        axes.set_xlabel(scale.axis(f"true {reference.name}"))
        draw_legend(axes, loc="upper right", ncols=2, title=title, alignment="left")
