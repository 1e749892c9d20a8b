"""ROC curves of classes, compared with a cut on the charge alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.classification import classification
from app.metrics.statistics.bins import Edges, energy_of
from app.metrics.statistics.classes import area, as_classes, classes_of, log_charge, probabilities, roc
from app.plots import PLOTS, Needs
from app.plots.drawing import style
from app.plots.drawing.inputs import PlotInputs

COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.RED, style.PURPLE, "#56B4E9", style.GREY)
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (8, 2)), (0, (1, 1)))


@PLOTS("roc", needs=Needs(classes=True), per_task=True)
@style.styled
def roc_figure(inputs: PlotInputs, *, energy_bins: Edges | None = None) -> style.Figure:
    """ROC curve of each class, compared with that of the total charge, and the area below both by energy.

    Two classes have one curve, of class 1. Where the charge of the events is known there is a second curve, of a cut on
    the charge alone; a baseline that gives decisions without scores is a point. Where the energy is known the right
    panel shows the area in bins of energy: the charge separates classes of different energies, but hardly the events of
    one bin.

    Args:
        inputs: the run, with the predictions of one task of classes.
        energy_bins: rising edges of the true energy [GeV]; without them six bins with equally many events.

    Returns:
        A row for each target that is a class, of one panel or two.
    """
    events, counts = as_classes(inputs.events.only(targets := classes_of(inputs.events)))
    energy = energy_of(inputs.events)
    columns = 1 if energy is None or not np.isfinite(energy).any() else 2
    figure = style.new_figure(7.0 * columns, 5.8 * len(targets))
    places = figure.subplots(len(targets), columns, squeeze=False)
    for row, target in zip(places, targets, strict=True):
        true = np.asarray(events.true[target], np.intp)
        names = [f"{style.symbol(target)} = {name}" for name in inputs.names_of(target, counts[target])]
        roc_curves(row[0], true, probabilities(events.probability, target, counts[target]), names)
        if counts[target] == 2:
            charge = log_charge(events.columns)
            if charge is not None and np.isfinite(charge).all() and 0 < np.sum(true == 1) < len(true):
                cuts = (roc(true == 1, side * charge) for side in (1.0, -1.0))
                x, y = max(cuts, key=lambda curve: area(*curve))  # the side that is right for most of all events
                row[0].plot(x, y, color=style.GREY, linestyle="-.", label=f"total charge: {area(x, y):.3f}")
            for curve, values in style.curves(events.only([target]), target):
                rates = [
                    [float(np.mean(np.round(values[target][true == k]) == 1))] for k in (0, 1) if (true == k).any()
                ]
                if len(rates) == 2 and not curve.is_model:
                    look: dict[str, Any] = {"color": curve.colour, "marker": curve.marker, "linestyle": ""}
                    row[0].plot(*rates, **look, clip_on=False, label=curve.name)
        style.draw_legend(row[0], loc="lower right", title="area below the curve", alignment="left")
        if columns == 2:
            _by_energy(row[1], classification(events.only([target]), energy_bins=energy_bins)["bins"])
    style.label(inputs, [places[0, 0], places[0, -1]])
    return figure


def roc_curves(axes: style.Axes, true: NDArray[Any], probability: NDArray[Any] | None, names: Sequence[str]) -> None:
    """Draw the curve of each class against the rest; two classes have one curve, that of class 1.

    Args:
        axes: where.
        true: numbers of classes, (N,).
        probability: of each class, (N, classes); None where it is not known.
        names: of the classes.
    """
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle=":")
    for k, score in enumerate(probability.T if probability is not None else ()):
        if (probability.shape[1] > 2 or k) and 0 < np.sum(true == k) < len(true):  # type: ignore[union-attr]
            x, y = roc(true == k, score)
            axes.plot(x, y, **class_style(k, probability.shape[1]), label=f"{names[k]}: {area(x, y):.3f}")  # type: ignore[union-attr]
    if probability is None:
        axes.text(0.5, 0.5, "no probabilities", ha="center", transform=axes.transAxes)
    else:
        style.draw_legend(axes, loc="lower right", title="area below the curve", alignment="left")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="others accepted", ylabel="class accepted")


def class_style(number: int, classes: int) -> dict[str, Any]:
    """Return colour and dashes of a class; the one curve of two classes looks as the model does in other figures."""
    place = 0 if classes == 2 else number
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}


def _by_energy(axes: style.Axes, bins: list[dict[str, Any]]) -> None:
    series = {"auc": ("model", style.BLUE, "-", "o"), "auc_charge": ("total charge", style.GREY, "-.", "s")}
    known = [row for row in bins if "auc" in row or "auc_charge" in row]
    scale = style.scale_for("GeV", float(np.median([row["high"] for row in known])) if known else 1.0)
    for key, (name, colour, dashes, marker) in series.items():
        rows = [row for row in known if key in row]
        if rows:
            low, high, value = (np.array([row[k] for row in rows]) for k in ("low", "high", key))
            x, half = scale.factor * (low + high) / 2, scale.factor * (high - low) / 2
            look: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": marker, "label": name}
            axes.errorbar(x, value, xerr=half, elinewidth=1, **look)
    axes.axhline(0.5, color=style.GREY, linewidth=1, linestyle=":")
    axes.set(ylim=(min(0.4, axes.get_ylim()[0]), 1.02), ylabel="area below the curve")
    axes.set_xlabel(scale.axis(f"true {style.symbol('energy')}"))
    style.draw_legend(axes, loc="lower right")
