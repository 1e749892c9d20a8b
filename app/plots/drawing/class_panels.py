"""How well classes are told apart: confusion, ROC curves, accuracy against the energy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.classification import confusion_matrix
from app.metrics.statistics.bins import bins_of
from app.metrics.statistics.classes import as_classes, classes_of, probabilities
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import Against
from app.plots.drawing.style import Axes, Curve, Figure, curves, label, new_figure, scale_for, symbol
from app.plots.roc import roc_curves

FEWEST = 20


def class_figure(inputs: PlotInputs, found: Against | None, edges: Any) -> Figure:
    """Draw a row for each target that is a class.

    First the shares of each true class that are predicted as each class, with their numbers; then, where probabilities
    are known, the ROC curve of each class against the rest with the area below it; then, where the true energy or
    momentum is known, the accuracy against it, beside the baselines.
    """
    events, counts = as_classes(inputs.events.only(targets := classes_of(inputs.events)))
    figure = new_figure(6.2 * (3 if found else 2), 5.6 * len(targets))
    places = figure.subplots(len(targets), 3 if found else 2, squeeze=False)
    for row, target in zip(places, targets, strict=True):
        true = np.asarray(events.true[target], np.intp)
        _confusion(row[0], true, np.asarray(events.predicted[target], np.intp), counts[target], target)
        roc_curves(row[1], true, probabilities(events.probability, target, counts[target]))
        if found:
            _accuracy(row[2], {c: np.round(v[target]) == true for c, v in curves(events, target)}, found, edges)
    label(inputs, [places[0, 0], places[0, -1]])
    return figure


def _confusion(axes: Axes, true: NDArray[Any], predicted: NDArray[Any], count: int, target: str) -> None:
    table = confusion_matrix(true, predicted, count)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
    for (row, column), value in np.ndenumerate(share):
        text = f"{100 * value:.0f} %\n{table[row, column]:,}" if table[row].any() else ""
        colour = "white" if value > 0.55 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=11)
    axes.set_xticks(range(count))
    axes.set_yticks(range(count))
    axes.minorticks_off()
    axes.tick_params(length=0)
    axes.set(xlabel=f"{symbol(target)} prediction", ylabel=f"{symbol(target)} truth")


def _accuracy(axes: Axes, right: Mapping[Curve, NDArray[Any]], found: Against, edges: Any) -> None:
    filled = [one for one in bins_of(found.values, edges) if one[2].sum() >= FEWEST]
    along = scale_for(found.unit, float(np.median(found.known)))
    x = [(low + high) / 2 * along.factor for low, high, _ in filled]
    half = [(high - low) / 2 * along.factor for low, high, _ in filled]
    for curve, is_right in right.items():
        share = np.array([is_right[cut].mean() for *_, cut in filled])
        error = np.array([np.sqrt(s * (1 - s) / cut.sum()) for s, (*_, cut) in zip(share, filled, strict=True)])
        look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker}
        axes.errorbar(
            x, share, xerr=half, yerr=error, elinewidth=1, **look, label=f"{curve.name}: {is_right.mean():.3f}"
        )
    axes.set(ylim=(0, 1.3), yticks=np.linspace(0, 1, 6), xlabel=along.axis(f"true {found.name}"), ylabel="accuracy")
    axes.legend(loc="upper left", title="all energies", alignment="left")
