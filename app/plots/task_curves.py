"""What each task of a training with several did, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Axes, Figure, label, new_figure, styled

COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)
Epochs = Sequence[Mapping[str, Any]]


@PLOTS("task_curves", needs=Needs(history=True, several_tasks=True))
@styled
def task_curves(inputs: PlotInputs) -> Figure:
    """Validation loss, weight in the training loss and leading metric of every task against the epoch.

    Losses and metrics are divided by their first value, so that tasks of all units share an axis.

    Args:
        inputs: the run; needs the history of several tasks.

    Returns:
        Three panels above each other.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(8.0, 9.0)
    losses, metrics, weights = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 1))
    train, val = inputs.history["train"], inputs.history["val"]
    for position, (task, metric) in enumerate(inputs.leading_metrics.items()):
        look = {"color": COLOURS[position % len(COLOURS)], "marker": "o" if len(train) < 3 else "", "label": task}
        _relative(losses, val, f"{task}_loss", look)
        _relative(metrics, val, metric, {**look, "label": f"{task}: {metric}"})
        weights.plot(*_series(train, f"{task}_weight"), **look)
    losses.set_ylabel("validation loss / first")
    metrics.set_ylabel("metric / first")
    weights.set(ylabel="weight", xlabel="epoch")
    for axes in (losses, metrics):
        axes.set_yscale("log")
        axes.legend(loc="lower left")
    weights.xaxis.set_major_locator(MaxNLocator(integer=True))
    label(inputs, [losses])
    return figure


def _series(epochs: Epochs, key: str) -> tuple[list[int], list[float]]:
    rows = [(int(row["epoch"]), float(row[key])) for row in epochs if isinstance(row.get(key), int | float)]
    return [epoch for epoch, _ in rows], [value for _, value in rows]


def _relative(axes: Axes, epochs: Epochs, key: str, look: Mapping[str, Any]) -> None:
    numbers, values = _series(epochs, key)
    if values and values[0]:
        axes.plot(numbers, [value / values[0] for value in values], **look)
