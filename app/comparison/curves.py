"""Loss curves of several runs in one figure, and each physics term in a panel of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.comparison.run_styles import add_legend, looks
from app.history import SUMS, flatten_epoch
from app.plots.drawing.style import grid, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Histories = Mapping[str, Mapping[str, Any]]


@styled
def loss_curves(histories: Histories, models: Mapping[str, str]) -> Figure | None:
    """Training (thin) and validation loss (thick) of every run, its best epoch marked; None where none has epochs.

    Args:
        histories: contents of history.json by run.
        models: by run; runs of one model share a colour.
    """
    known = {name: history for name, history in histories.items() if history.get("train")}
    if not known:
        return None
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(9.0, 6.0)
    axes = figure.subplots()
    drawn = looks(models)
    for name, history in known.items():
        colour = drawn[name].colour
        marker = "o" if len(history["train"]) < 3 else ""
        axes.plot(*series(history["train"], "loss"), color=colour, linewidth=1, linestyle=":", marker=marker)
        x, y = series(history.get("val", ()), "loss")
        axes.plot(x, y, color=colour, marker=marker, label=name)
        best = history.get("best_epoch")
        if best in x:
            axes.plot(best, y[x.index(best)], "*", color=colour, markersize=13, markeredgecolor="white")
    axes.set(yscale="log", xlabel="epoch", ylabel="loss")
    axes.set_title("dotted: training, full: validation, star: best epoch", loc="left", fontsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(axes)
    return figure


@styled
def term_curves(histories: Histories, models: Mapping[str, str]) -> Figure | None:
    """Each single term of the training loss against the epoch, one panel a term; None where no run has terms."""
    rows = {name: [flatten_epoch(epoch) for epoch in history.get("train", ())] for name, history in histories.items()}
    found = {name: {key for epoch in epochs for key in epoch if key.endswith("_loss")} for name, epochs in rows.items()}
    terms = sorted({key for keys in found.values() if keys - set(SUMS) for key in keys} - {"physics_loss"})
    if not terms:
        return None
    figure, panels = grid(len(terms))
    drawn = looks(models)
    for term, axes in zip(terms, panels, strict=True):
        for name, epochs in rows.items():
            if term in found[name]:
                axes.plot(*series(epochs, term), color=drawn[name].colour, label=name)
        axes.set(yscale="log", xlabel="epoch", ylabel=term.removesuffix("_loss").replace("_", " ") + " term")
        add_legend(axes)
    return figure


def series(epochs: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Return the epochs and the values of `key`, gaps where a logarithm has none."""
    rows = [(int(row["epoch"]), float(row[key])) for row in epochs if isinstance(row.get(key), int | float)]
    return [epoch for epoch, _ in rows], [v if v > 0 and math.isfinite(v) else math.nan for _, v in rows]
