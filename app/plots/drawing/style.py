"""The look of every figure, and how targets and their units are written on an axis."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
    from numpy.typing import NDArray

    from app.plots.drawing.inputs import PlotInputs
    from app.predictions import Predictions
else:
    Axes = Figure = Any  # the types of matplotlib, which is loaded with the first figure


BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#5F6A72"
"""The colours of Okabe and Ito, which the colour-blind and, with line styles, readers of a print can distinguish."""

COLOURS, MARKERS = (BLUE, ORANGE, GREEN, RED, PURPLE), "osvD^"
WIDE = 20.0
"""An axis is logarithmic when its largest value is more than this many times its smallest."""

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
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def style() -> Iterator[None]:
    """Use our settings on top of matplotlib's own inside the block, and leave the user's as they were.

    A matplotlibrc with LaTeX, which may be missing, or with a dark style does not get into the plots.
    """
    import matplotlib

    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
    with matplotlib.rc_context(cast(Any, defaults | RC)):
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
    """Return a figure with `panels` axes, two in a row when there is more than one."""
    columns = min(2, panels)
    rows = -(-panels // columns)
    figure = new_figure((6.8 if columns > 1 else 8.0) * columns, 5.2 * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[panels:]:
        spare.remove()
    return figure, axes[:panels]


def label(inputs: PlotInputs, panels: Sequence[Axes]) -> None:
    """Write the run's name, "Simulation" over the last panel of the first row, and the line about the data above."""
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


SYMBOLS = {
    "x": "$x$", "y": "$y$", "z": "$z$", "u": "$u$", "v": "$v$", "w": "$w$",
    "tx": "$t_x$", "ty": "$t_y$", "qop": "$q/p$", "p": "$p$", "pt": r"$p_\mathrm{T}$",
    "q_over_pt": r"$q/p_\mathrm{T}$", "positive": r"$q > 0$",
    "eta": r"$\eta$", "phi": r"$\varphi$", "theta": r"$\theta$", "energy": "$E$", "charge": "$q$", "time": "$t$",
    "direction_x": "$d_x$", "direction_y": "$d_y$", "direction_z": "$d_z$", "n_gamma": r"$n_\gamma$",
}  # fmt: skip
LADDERS: dict[str, tuple[tuple[float, str], ...]] = {
    "mm": ((1e-3, "m"), (1.0, "mm"), (1e3, "µm")),
    "cm": ((1e-2, "m"), (1.0, "cm"), (1e1, "mm"), (1e4, "µm")),
    "GeV": ((1e-3, "TeV"), (1.0, "GeV"), (1e3, "MeV"), (1e6, "keV")),
    "MeV": ((1e-3, "GeV"), (1.0, "MeV"), (1e3, "keV")),
    "rad": ((1.0, "rad"), (1e3, "mrad"), (1e6, "µrad")),
    "deg": ((1.0, "°"),),
    "%": ((1.0, "%"),),
    "ns": ((1e-3, "µs"), (1.0, "ns"), (1e3, "ps")),
    "s": ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"), (1e12, "ps")),
}


def symbol(target: str) -> str:
    """Return the symbol of a target, or its name."""
    return SYMBOLS.get(target, target)


@dataclass(frozen=True)
class Scale:
    """Multiply by `factor` to get numbers in `unit`, which is readable; e.g. 0.012 mm is 12 µm."""

    factor: float
    unit: str

    def axis(self, quantity: str) -> str:
        """Return an axis label with the unit in brackets."""
        return f"{quantity} [{self.unit}]" if self.unit else quantity

    def text(self, value: float) -> str:
        """Return a number with its unit."""
        times = "\N{MULTIPLICATION SIGN} " if self.unit.startswith("$") else ""
        return f"{number(value * self.factor)} {times}{self.unit}".rstrip()

    def digits(self, value: float, size: float) -> str:
        """Return a number with the decimals that give `size` three digits: a bias far below the width reads 0.00."""
        size = abs(size * self.factor)
        decimals = max(0, 2 - math.floor(math.log10(size))) if math.isfinite(size) and size > 0 else 2
        return _minus(f"{round(value * self.factor, decimals) + 0.0:.{decimals}f}")


def scale_for(unit: str, size: float) -> Scale:
    """Return the scale in which values of about `size` (in `unit`) lie between about 1 and 1000, when there is one."""
    if not (math.isfinite(size) and size > 0):
        return Scale(1.0, unit)
    if unit in ("", "1"):
        power = 3 * math.floor(math.log10(size / 0.95) / 3)
        return Scale(1.0, "") if 0.01 <= size < 1e4 else Scale(10.0**-power, rf"$\mathrm{{10^{{{power}}}}}$")
    steps = LADDERS.get(unit, ((1.0, unit),))
    return Scale(*min(steps, key=lambda step: abs(math.log10(size * step[0] / 30))))


def number(value: float) -> str:
    """Return three significant digits, with a true minus sign and an exponent only where nothing else is readable."""
    if value == 0 or not math.isfinite(value):
        text = f"{value:g}"
    elif 1e-3 <= abs(value) < 1e4:
        text = f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:.1e}"
    return _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def make_room(axes: Axes, columns: int = 1) -> None:
    """Raise the upper end of an axis by the height of the legend, so that it lies over no curve.

    Args:
        axes: with all its curves.
        columns: of the legend.
    """
    labels = len(axes.get_legend_handles_labels()[1])
    share = min(0.5, (0.5 + -(-labels // columns) + 1) * 24 / axes.get_window_extent().height)
    bottom, top = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(bottom, bottom * (top / bottom) ** (1 / (1 - share)))
    else:
        axes.set_ylim(bottom, bottom + (top - bottom) / (1 - share))


def draw_legend(axes: Axes, **options: Any) -> None:
    """Draw the legend where something has a label: matplotlib warns of an empty one."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(**options)
