"""How the runs of a comparison look: one colour a model, one tint and marker a run of it, in every figure the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, cycle
from typing import TYPE_CHECKING

from app.plots.drawing.style import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALEST = 0.45
"""How much of its colour the first run of a model has; the last one has all of it."""
INSIDE = 5
"""A legend of more lines is placed next to the axes, where it hides nothing."""


@dataclass(frozen=True)
class Look:
    """Colour (red, green, blue) and marker of a run."""

    colour: tuple[float, float, float]
    marker: str


def looks(models: Mapping[str, str]) -> dict[str, Look]:
    """Return the look of each run: the colour is that of its model, from pale to full in the given order.

    Args:
        models: the model of each run.
    """
    names = list(dict.fromkeys(models.values()))
    hues = dict(zip(names, cycle(COLOURS), strict=False))
    places = {model: count() for model in names}
    sizes = {model: list(models.values()).count(model) for model in names}
    shift = {model: 0 if sizes[model] > 1 else names.index(model) for model in names}
    found = {}
    for run, model in models.items():
        place = next(places[model])
        share = 1.0 if sizes[model] == 1 else PALEST + (1 - PALEST) * place / (sizes[model] - 1)
        found[run] = Look(_tint(hues[model], share), MARKERS[(place + shift[model]) % len(MARKERS)])
    return found


def _tint(colour: str, share: float) -> tuple[float, float, float]:
    """Mix a colour with white."""
    red, green, blue = (1 - share * (1 - int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return red, green, blue


def add_legend(axes: Axes, title: str | None = None) -> None:
    """Write the legend inside the axes where it is short, else next to them."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) <= INSIDE:
        axes.legend(loc="best", title=title)
    else:
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), title=title)
