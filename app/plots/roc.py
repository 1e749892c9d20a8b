"""How well classes are told apart at any threshold, and what the charge alone would do."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.classification import classification
from app.metrics.statistics.bins import Edges, energy_of
from app.metrics.statistics.classes import area, as_classes, classes_of, log_charge, probabilities, roc
from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    Axes,
    Curve,
    Figure,
    curves,
    label,
    new_figure,
    scale_for,
    styled,
    symbol,
)
from app.predictions import Predictions

COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, "#56B4E9", GREY)
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (8, 2)), (0, (1, 1)))


@PLOTS("roc", needs=Needs(classes=True), per_task=True)
@styled
def roc_figure(inputs: PlotInputs, *, energy_bins: Edges | None = None) -> Figure:
    """ROC curve of each class beside that of the total charge, and the area below them by energy.

    Of two classes there is one curve, of class 1, and where the charge of the events is known one that knows nothing
    else; a baseline that decides is a point. On the right, where the energy is known, the area in bins of it: classes
    of different energies are told apart by the charge, which in a bin says little.

    Args:
        inputs: the run, with the predictions of one task of classes.
        energy_bins: rising edges of the true energy [GeV]; without them six bins with equally many events.

    Returns:
        A row for each target that is a class, of one panel or two.
    """
    events, counts = as_classes(inputs.events.only(targets := classes_of(inputs.events)))
    energy = energy_of(inputs.events)
    columns = 1 if energy is None or not np.isfinite(energy).any() else 2
    figure = new_figure(7.0 * columns, 5.8 * len(targets))
    places = figure.subplots(len(targets), columns, squeeze=False)
    for row, target in zip(places, targets, strict=True):
        true, one = np.asarray(events.true[target], np.intp), events.only([target])
        roc_curves(row[0], true, probabilities(events.probability, target, counts[target]), name=symbol(target))
        if counts[target] == 2:
            _charge(row[0], true, events)
            _points(row[0], true, {c: values[target] for c, values in curves(one, target) if not c.is_model})
        row[0].legend(loc="lower right", title="area below the curve", alignment="left")
        if columns == 2:
            _by_energy(row[1], classification(one, energy_bins=energy_bins)["bins"])
    label(inputs, [places[0, 0], places[0, -1]])
    return figure


def roc_curves(axes: Axes, true: NDArray[Any], probability: NDArray[Any] | None, name: str = "class") -> None:
    """Draw the curve of each class against the rest; of two classes that of class 1, of the other it is the same.

    Args:
        axes: where.
        true: numbers of classes, (N,).
        probability: of each class, (N, classes); None where it is not known.
        name: what stands before the number of a class.
    """
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    for k, score in enumerate(probability.T if probability is not None else ()):
        if (probability.shape[1] > 2 or k) and 0 < np.sum(true == k) < len(true):  # type: ignore[union-attr]
            x, y = roc(true == k, score)
            text = f"class {k}" if name == "class" else f"{name} = {k}"
            axes.plot(x, y, **look_of(k, probability.shape[1]), label=f"{text}: {area(x, y):.3f}")  # type: ignore[union-attr]
    if probability is None:
        axes.text(0.5, 0.5, "no probabilities", ha="center", transform=axes.transAxes)
    else:
        axes.legend(loc="lower right", title="area below the curve", alignment="left")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="others accepted", ylabel="class accepted")


def look_of(number: int, classes: int) -> dict[str, Any]:
    """Return colour and dashes of a class; of two there is one curve, drawn as the model is elsewhere."""
    place = 0 if classes == 2 else number
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}


def _charge(axes: Axes, true: NDArray[Any], events: Predictions) -> None:
    """Draw what a cut on the total charge does, on the side that is right for most of all events."""
    charge = log_charge(events.columns)
    if charge is None or not np.isfinite(charge).all() or not 0 < np.sum(true == 1) < len(true):
        return
    x, y = max((roc(true == 1, side * charge) for side in (1.0, -1.0)), key=lambda curve: area(*curve))
    axes.plot(x, y, color=GREY, linestyle="-.", label=f"total charge: {area(x, y):.3f}")


def _points(axes: Axes, true: NDArray[Any], decided: Mapping[Curve, Any]) -> None:
    for curve, values in decided.items():
        rates = [float(np.mean(np.round(values[true == k]) == 1)) for k in (0, 1) if (true == k).any()]
        if len(rates) == 2:
            look: dict[str, Any] = {"color": curve.colour, "marker": curve.marker, "linestyle": "", "clip_on": False}
            axes.plot(*([rate] for rate in rates), **look, label=curve.name)


def _by_energy(axes: Axes, bins: list[dict[str, Any]]) -> None:
    shown = {"auc": ("model", BLUE, "-", "o"), "auc_charge": ("total charge", GREY, "-.", "s")}
    known = [one for one in bins if "auc" in one or "auc_charge" in one]
    along = scale_for("GeV", float(np.median([one["high"] for one in known])) if known else 1.0)
    for key, (name, colour, dashes, marker) in shown.items():
        some = [one for one in known if key in one]
        if some:
            low, high, value = (np.array([one[k] for one in some]) for k in ("low", "high", key))
            x, half = along.factor * (low + high) / 2, along.factor * (high - low) / 2
            look: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": marker, "label": name}
            axes.errorbar(x, value, xerr=half, elinewidth=1, **look)
    axes.axhline(0.5, color=GREY, linewidth=1, linestyle=":")
    axes.set(ylim=(min(0.4, axes.get_ylim()[0]), 1.02), ylabel="area below the curve")
    axes.set_xlabel(along.axis(f"true {symbol('energy')}"))
    if known:
        axes.legend(loc="lower right")
