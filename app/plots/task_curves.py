"""Loss, weight and leading metric of each task of a training with several tasks, by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.plots import PLOTS, Needs
from app.plots.drawing import style
from app.plots.drawing.inputs import PlotInputs

COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.RED, style.PURPLE, style.GREY)
FAR_APART = 3.0
"""An axis is logarithmic when its largest value is more than this many times its smallest."""
Epochs = Sequence[Mapping[str, Any]]


@PLOTS("task_curves", needs=Needs(history=True, several_tasks=True))
@style.styled
def task_curves(inputs: PlotInputs) -> style.Figure:
    """Validation loss, weight in the training loss and leading metric of every task against the epoch.

    Losses and metrics are divided by their first value, so that tasks of all units share an axis.

    Args:
        inputs: the run; needs the history of several tasks.

    Returns:
        Three panels, one above the other.
    """
    from matplotlib.ticker import MaxNLocator

    figure = style.new_figure(8.0, 9.0)
    losses, metrics, weights = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 1))
    train, val = inputs.history["train"], inputs.history["val"]
    for position, (task, metric) in enumerate(inputs.leading_metrics.items()):
        look = {"color": COLOURS[position % len(COLOURS)], "marker": "o" if len(train) < 3 else "", "label": task}
        for axes, key, text in ((losses, f"{task}_loss", task), (metrics, metric, f"{task}: {metric}")):
            epochs, values = _series(val, key)
            if values and values[0]:
                axes.plot(epochs, [value / values[0] for value in values], **{**look, "label": text})
        weights.plot(*_series(train, f"{task}_weight"), **look)
    for axes, quantity in ((losses, "validation loss"), (metrics, "metric")):
        values = [value for line in axes.lines for value in np.asarray(line.get_ydata(), np.float64)]
        if values and min(values) > 0 and max(values) > FAR_APART * min(values):
            axes.set_yscale("log")
        axes.set_ylabel(f"{quantity} / first")
        style.make_room(axes)
        style.draw_legend(axes, loc="upper right")
    weights.set(ylabel="weight", xlabel="epoch")
    weights.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.label(inputs, [losses])
    return figure


def _series(epochs: Epochs, key: str) -> tuple[list[int], list[float]]:
    rows = [(int(row["epoch"]), float(row[key])) for row in epochs if isinstance(row.get(key), int | float)]
    return [epoch for epoch, _ in rows], [value for _, value in rows]
