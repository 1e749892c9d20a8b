"""Losses and learning rate against the epoch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.history import flatten_epoch
from app.plots import PLOTS, Needs
from app.plots.drawing import style
from app.plots.drawing.inputs import PlotInputs

Epochs = Sequence[Mapping[str, Any]]
TERM_COLOURS = (style.GREEN, style.PURPLE, style.RED, style.GREY, "#56B4E9", "#B59A00")


@PLOTS("loss_curves", needs=Needs(history=True))
@style.styled
def loss_curves(inputs: PlotInputs, *, terms: bool = True) -> style.Figure:
    """Training and validation loss against the epoch, the best epoch marked, the learning rate below.

    Both axes are logarithmic in the values; zeros and non-finite values leave a gap. The single terms of the training
    loss (`data_loss`, `pde_loss`, `<task>_loss`, each of the `stage_losses`, ...) are thin lines when there is more
    than one.

    Args:
        inputs: the run; needs its history.
        terms: whether to draw the single terms.

    Returns:
        The loss panel, and a learning-rate panel when the history holds one.
    """
    from matplotlib.ticker import MaxNLocator

    train, validation = inputs.history["train"], inputs.history.get("val", [])
    epochs, rates = _series(train, "lr")
    marker = "o" if len(train) < 3 else ""
    figure = style.new_figure(8.0, 6.4 if epochs else 5.2)
    if epochs:
        losses, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        bottom.plot(epochs, rates, color=style.GREY, marker="o" if len(epochs) < 3 else "")
        bottom.set(yscale="log", ylabel="learning rate")
    else:
        losses = bottom = figure.subplots()
    losses.plot(*_series(train, "loss"), color=style.BLUE, marker=marker, label="training")
    if validation:
        losses.plot(*_series(validation, "loss"), color=style.ORANGE, marker=marker, linestyle="--", label="validation")
    for index, (name, series) in enumerate(distinct_terms(train).items() if terms else ()):
        colour = TERM_COLOURS[index % len(TERM_COLOURS)]
        text = name.removesuffix("_loss").replace("_", " ") + " term"
        losses.plot(*series, color=colour, linewidth=1.2, linestyle=":", marker=marker, label=text)
    losses.set(yscale="log", ylabel="loss")
    best, best_loss = inputs.history.get("best_epoch"), inputs.history.get("best_val_loss")
    if best is not None:
        best_loss = dict(zip(*_series(validation, "loss"), strict=True)).get(best, best_loss)
    if best is not None and best_loss is not None:
        text = f"best: {best_loss:.3g}, epoch {best}"
        losses.plot(best, best_loss, "*", color=style.RED, markersize=15, markeredgecolor="white", label=text)
    bottom.set_xlabel("epoch")
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    columns = 1 + (len(losses.get_legend_handles_labels()[1]) > 3)
    style.make_room(losses, columns)
    style.draw_legend(losses, loc="upper right", ncols=columns)
    style.label(inputs, [losses])
    return figure


def _series(epochs: Epochs, key: str) -> tuple[list[int], list[float]]:
    """Return the epochs and values of `key`; a value without a logarithm becomes NaN, a gap in the curve."""
    rows = [(int(row["epoch"]), float(row[key])) for row in epochs if isinstance(row.get(key), int | float)]
    return [epoch for epoch, _ in rows], [v if v > 0 and math.isfinite(v) else math.nan for _, v in rows]


def distinct_terms(train: Epochs) -> dict[str, tuple[list[int], list[float]]]:
    """Return epochs and values of the terms of the training loss by name, each once, when there are at least two.

    A term whose values equal those of another is left out: the loss of a single task repeats the data loss.
    """
    rows = [flatten_epoch(row) for row in train]
    terms: dict[str, tuple[list[int], list[float]]] = {}
    for name in sorted({key for row in rows for key in row if key.endswith("_loss")}):
        series = _series(rows, name)
        if not any(np.array_equal(series, other, equal_nan=True) for other in terms.values()):
            terms[name] = series
    return terms if len(terms) > 1 else {}
