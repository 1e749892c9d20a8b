"""How far predicted directions are from the true ones, by energy too, and how often head and tail are exchanged."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.types import Count
from app.metrics.direction import COMPONENTS
from app.metrics.pointing import SUPERNOVA_ENERGIES
from app.metrics.statistics.bins import Edges, bins_of
from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.residuals import Against, against, opening_angles, percentile_68
from app.plots.drawing.style import GREY, Axes, Curve, Figure, label, new_figure, scale_for, styled

FEWEST = 20
"""Events that a bin needs to be drawn."""
REACH = 99.0
"""Percentile of the model's angles up to which the axis goes at least, in steps of 30 degrees."""
Angles = dict[Curve, "NDArray[np.float64]"]


@PLOTS("opening_angle", needs=Needs(direction=True), per_task=True)
@styled
def opening_angle_figure(inputs: PlotInputs, *, bins: Count = 60, energy_bins: Edges = SUPERNOVA_ENERGIES) -> Figure:
    """Opening angle between predicted and true direction beside the baselines, by energy too, and head-tail confusion.

    Left the distribution, with the one of isotropic guesses, dN/d(angle) = sin(angle) / 2. In the middle the median
    (full symbols) and the 68th percentile (open) in bins of energy. Right the share beyond 90 degrees, whose head and
    tail are exchanged: 1/2 for a guess. Bins are those of the metric `pointing`.

    Args:
        inputs: the run, with the predictions of one task of a direction.
        bins: number of bins of the distribution.
        energy_bins: rising edges of the true energy [GeV]; a bin needs 20 events.

    Returns:
        Three panels, one where neither the true energy nor the momentum is known.
    """
    angles = opening_angles(inputs, COMPONENTS).values
    found = against(inputs)
    filled = [] if found is None else [b for b in bins_of(found.values, energy_bins) if b[2].sum() >= FEWEST]
    figure = new_figure(20.0 if filled else 8.0, 6.4)
    panels = figure.subplots(1, 3 if filled else 1, squeeze=False)[0]
    _distribution(panels[0], dict(angles), bins)
    if found is not None and filled:
        _by_energy(panels[1], dict(angles), found, filled)
        _exchanged(panels[2], dict(angles), found, filled)
    label(inputs, [panels[0], panels[-1]])
    return figure


def _distribution(axes: Axes, angles: Angles, bins: int) -> None:
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
    axes.legend(loc="upper right", title="median, 68 % lie below [°]", alignment="left")


def _by_energy(axes: Axes, angles: Angles, found: Against, filled: list[Any]) -> None:
    x, half = _along(axes, found, filled)
    highest = 0.0
    for curve, values in angles.items():
        middle = np.array([np.median(values[inside]) for *_, inside in filled])
        wide = np.array([percentile_68(values[inside]) for *_, inside in filled])
        look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "elinewidth": 1}
        axes.errorbar(x, middle, xerr=half, **look, label=curve.name)
        axes.errorbar(x, wide, **{**look, "linewidth": 1}, markerfacecolor="none")
        highest = max(highest, float(wide.max()))
    axes.set(ylim=(0, 1.4 * highest or 1), ylabel="opening angle [°]")
    axes.legend(loc="upper right", ncols=2, title="full: median; open: 68 % lie below", alignment="left")


def _exchanged(axes: Axes, angles: Angles, found: Against, filled: list[Any]) -> None:
    x, half = _along(axes, found, filled)
    for curve, values in angles.items():
        share = np.array([np.mean(values[inside] > 90) for *_, inside in filled])
        error = np.sqrt(share * (1 - share) / [inside.sum() for *_, inside in filled])
        look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker, "elinewidth": 1}
        axes.errorbar(x, share, xerr=half, yerr=error, **look, label=f"{curve.name}: {np.mean(values > 90):.3f}")
    axes.axhline(0.5, color=GREY, linewidth=1, linestyle=":")
    axes.set(ylim=(0, 1.1), ylabel="share beyond 90°: head and tail exchanged")
    axes.legend(loc="upper right", ncols=2, title="all energies", alignment="left")


def _along(axes: Axes, found: Against, filled: list[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return middle and half width of the bins, in the unit that the axis gets."""
    scale = scale_for(found.unit, float(np.median(found.known)))
    low, high = (scale.factor * np.array([one[k] for one in filled]) for k in (0, 1))
    axes.set_xlabel(scale.axis(f"true {found.name}"))
    return (low + high) / 2, (high - low) / 2
