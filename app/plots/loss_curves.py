"""Losses and learning rate against the epoch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.history import flatten_epoch
from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Axes, Figure, label, new_figure, styled

Epochs = Sequence[Mapping[str, Any]]
TERM_COLOURS = (GREEN, PURPLE, RED, GREY, "#56B4E9", "#B59A00")


@PLOTS("loss_curves", needs=Needs(history=True))
@styled
def loss_curves(inputs: PlotInputs, *, terms: bool = True) -> Figure:
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
    train, validation = inputs.history["train"], inputs.history.get("val", [])
    rates = _series(train, "lr")
    figure = new_figure(8.0, 6.4 if rates[0] else 5.2)
    if rates[0]:
        losses, rate = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        _rate(rate, rates)
    else:
        losses = rate = figure.subplots()
    _losses(losses, train, validation, terms)
    _best(losses, inputs.history, validation)
    rate.set_xlabel("epoch")
    losses.legend(loc="upper right", ncols=1 + (len(losses.get_legend_handles_labels()[1]) > 5))
    label(inputs, [losses])
    return figure


def _series(epochs: Epochs, key: str) -> tuple[list[int], list[float]]:
    """Return the epochs and values of `key`, gaps where a logarithm has none."""
    rows = [(int(row["epoch"]), float(row[key])) for row in epochs if isinstance(row.get(key), int | float)]
    return [epoch for epoch, _ in rows], [v if v > 0 and math.isfinite(v) else math.nan for _, v in rows]


def _losses(axes: Axes, train: Epochs, validation: Epochs, terms: bool) -> None:
    marker = "o" if len(train) < 3 else ""
    axes.plot(*_series(train, "loss"), color=BLUE, marker=marker, label="training")
    if validation:
        axes.plot(*_series(validation, "loss"), color=ORANGE, marker=marker, linestyle="--", label="validation")
    for index, (name, series) in enumerate(_terms(train).items() if terms else ()):
        colour = TERM_COLOURS[index % len(TERM_COLOURS)]
        text = name.removesuffix("_loss").replace("_", " ") + " term"
        axes.plot(*series, color=colour, linewidth=1.2, linestyle=":", marker=marker, label=text)
    axes.set_yscale("log")
    axes.set_ylabel("loss")


def _terms(train: Epochs) -> dict[str, tuple[list[int], list[float]]]:
    """Return the single terms by name, each once: a lone task's own loss is the data loss again."""
    rows = [flatten_epoch(row) for row in train]
    found: dict[str, tuple[list[int], list[float]]] = {}
    for name in sorted({key for row in rows for key in row if key.endswith("_loss")}):
        series = _series(rows, name)
        if not any(np.array_equal(series, other, equal_nan=True) for other in found.values()):
            found[name] = series
    return found if len(found) > 1 else {}


def _best(axes: Axes, history: Mapping[str, Any], validation: Epochs) -> None:
    epoch = history.get("best_epoch")
    if epoch is None:
        return
    value = dict(zip(*_series(validation, "loss"), strict=True)).get(epoch, history.get("best_val_loss"))
    if value is None:
        return
    text = f"best: {value:.3g}, epoch {epoch}"
    axes.plot(epoch, value, "*", color=RED, markersize=15, markeredgecolor="white", label=text)


def _rate(axes: Axes, rates: tuple[list[int], list[float]]) -> None:
    axes.plot(*rates, color=GREY, marker="o" if len(rates[0]) < 3 else "")
    axes.set_yscale("log")
    axes.set_ylabel("learning rate")
