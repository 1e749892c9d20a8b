"""The look of every figure: ticks inwards on all sides, sans serif, readable on a slide, safe for the colour-blind."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from app.plots.drawing.inputs import PlotInputs
    from app.predictions import Predictions

BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#5F6A72"
"""Okabe and Ito's colours; they stay apart under every common colour blindness and, with line styles, in print."""

COLOURS, MARKERS = (BLUE, ORANGE, GREEN, RED, PURPLE), "osvD^"
WIDE = 20.0
"""A ratio of the largest to the smallest value from which an axis is logarithmic."""

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["TeX Gyre Heros", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 13,
    "mathtext.fontset": "dejavusans",
    "mathtext.default": "it",
    "axes.titlesize": 14,
    "axes.labelsize": 15,
    "axes.linewidth": 1.2,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-3, 4),
    "axes.axisbelow": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 8,
    "ytick.major.size": 8,
    "xtick.minor.size": 4,
    "ytick.minor.size": 4,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "legend.title_fontsize": 11.5,
    "legend.handlelength": 2.2,
    "savefig.dpi": 150,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def style() -> Iterator[None]:
    """Use our settings inside the block and leave the user's own as they were."""
    import matplotlib

    with matplotlib.rc_context(cast(Any, RC)):
        yield


def styled(make: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that makes a figure, so that it has our style wherever it is called."""

    @functools.wraps(make)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with style():
            return make(*args, **kwargs)

    return inside


def new_figure(width: float = 8.0, height: float = 6.0) -> Figure:
    """Return an empty figure [inch] on the Agg canvas: nothing global, nothing shown, no memory kept by pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def grid(panels: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with `panels` axes, two beside each other when there is more than one."""
    columns = min(2, panels)
    rows = -(-panels // columns)
    figure = new_figure((6.8 if columns > 1 else 8.0) * columns, 5.2 * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[panels:]:
        spare.remove()
    return figure, axes[:panels]


def label(inputs: PlotInputs, panels: Sequence[Axes]) -> None:
    """Write run name and, over the last panel of the first row, "Simulation"; what the data are stands above both."""
    figure = cast("Figure", panels[0].figure)
    title = panels[0].set_title(inputs.title, loc="left", fontweight="bold")
    room = 0.72 * figure.bbox.width / max(title.get_window_extent().width, 1.0)
    title.set_fontsize(RC["axes.titlesize"] * min(1.0, room))  # a long name must not run into "Simulation"
    if inputs.simulated:
        panels[min(1, len(panels) - 1)].set_title("Simulation", loc="right", fontstyle="italic")
    if inputs.subtitle:
        text = textwrap.fill(inputs.subtitle, int(12 * figure.get_figwidth()))
        figure.suptitle(text, x=0.99, ha="right", fontsize=11, color=GREY)


@dataclass(frozen=True)
class Curve:
    """How the model or one baseline is drawn, the same in every figure."""

    name: str
    colour: str
    dashes: Any
    marker: str
    is_model: bool = False


def curves(events: Predictions, *targets: str) -> Iterator[tuple[Curve, Mapping[str, NDArray[Any]]]]:
    """Yield the model and every baseline that predicts `targets`, each with its predictions by target."""
    yield Curve("model", BLUE, "-", "o", is_model=True), events.predicted
    looks = cycle(zip((ORANGE, GREEN, PURPLE, RED), ("--", "-.", ":", (0, (6, 2, 1, 2, 1, 2))), "svD^", strict=True))
    for (name, values), (colour, dashes, marker) in zip(events.baselines.items(), looks, strict=False):
        if set(targets) <= set(values):
            yield Curve(name.replace("_", " "), colour, dashes, marker), values
