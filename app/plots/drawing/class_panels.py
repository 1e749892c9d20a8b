"""The panels of a task of classes: confusion matrix, ROC curves, accuracy against the energy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.classification import confusion_matrix
from app.metrics.statistics.bins import bins_of
from app.metrics.statistics.classes import as_classes, classes_of, probabilities
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import Reference
from app.plots.drawing.style import Axes, Curve, Figure, curves, draw_legend, label, new_figure, scale_for, symbol
from app.plots.roc import roc_curves

FEWEST = 20
"""A bin with fewer events is not drawn."""


def class_figure(inputs: PlotInputs, reference: Reference | None, edges: Any) -> Figure:
    """Draw a row for each target that is a class.

    The first panel is the confusion matrix: which share of each true class is predicted as each class, and how many
    events. The second has, where probabilities are known, the ROC curve of each class against the rest with the area
    below it. The third, where the true energy or momentum is known, has the accuracy against it, of the baselines too.
    """
    events, counts = as_classes(inputs.events.only(targets := classes_of(inputs.events)))
    figure = new_figure(6.2 * (3 if reference else 2), 5.6 * len(targets))
    places = figure.subplots(len(targets), 3 if reference else 2, squeeze=False)
    for row, target in zip(places, targets, strict=True):
        true = np.asarray(events.true[target], np.intp)
        table = confusion_matrix(true, np.asarray(events.predicted[target], np.intp), counts[target])
        share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        row[0].imshow(share, vmin=0, vmax=1, cmap="Blues")
        for (i, j), value in np.ndenumerate(share):
            text = f"{100 * value:.0f} %\n{table[i, j]:,}" if table[i].any() else ""
            colour = "white" if value > 0.55 else "black"
            row[0].text(j, i, text, ha="center", va="center", color=colour, fontsize=11)
        names = inputs.names_of(target, counts[target])
        row[0].set_xticks(range(counts[target]), names)
        row[0].set_yticks(range(counts[target]), names, rotation=90 * any(len(n) > 3 for n in names), va="center")
        row[0].minorticks_off()
        row[0].tick_params(length=0)
        row[0].set(xlabel=f"{symbol(target)} prediction", ylabel=f"{symbol(target)} truth")
        classes = [f"class {name}" if name.isdigit() else name for name in names]
        roc_curves(row[1], true, probabilities(events.probability, target, counts[target]), classes)
        if reference:
            _accuracy(row[2], {c: np.round(v[target]) == true for c, v in curves(events, target)}, reference, edges)
    label(inputs, [places[0, 0], places[0, -1]])
    return figure


def _accuracy(axes: Axes, right: Mapping[Curve, NDArray[Any]], reference: Reference, edges: Any) -> None:
    filled = [interval for interval in bins_of(reference.values, edges) if interval[2].sum() >= FEWEST]
    scale = scale_for(reference.unit, float(np.median(reference.known)))
    x = [(low + high) / 2 * scale.factor for low, high, _ in filled]
    half = [(high - low) / 2 * scale.factor for low, high, _ in filled]
    for curve, is_right in right.items():
        share = np.array([is_right[cut].mean() for *_, cut in filled])
        error = np.array([np.sqrt(s * (1 - s) / cut.sum()) for s, (*_, cut) in zip(share, filled, strict=True)])
        look = {"color": curve.colour, "linestyle": curve.dashes, "marker": curve.marker}
        axes.errorbar(
            x, share, xerr=half, yerr=error, elinewidth=1, **look, label=f"{curve.name}: {is_right.mean():.3f}"
        )
    axes.set(ylim=(0, 1.3), yticks=np.linspace(0, 1, 6), xlabel=scale.axis(f"true {reference.name}"), ylabel="accuracy")
    draw_legend(axes, loc="upper left", title="all energies", alignment="left")
