"""Residuals of the targets of a task, and the panels that show their distributions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.direction import ANGLES, COMPONENTS, opening_angle
from app.metrics.statistics.bins import energy_of, pt_of
from app.metrics.statistics.residuals import half_width_68
from app.physics.directions import DEGREE, emission_vector
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.style import GREY, Axes, Curve, Scale, curves, draw_legend, scale_for, symbol

HALF_RANGE = 5.0
COMPARABLE = (0.25, 10.0)
"""Width of a drawn baseline over the model's: a narrower one hides the model, a wider one is a flat line."""
PERIODS = {"deg": 360.0, "rad": 2 * math.pi}
OPENING_ANGLE = "opening angle"
AZIMUTHS = ("phi",)
"""The difference of these targets is wrapped into half a period to either side of 0."""

Residuals = Mapping[Curve, Any]
Size = Callable[[Any], float]


def differences(inputs: PlotInputs, target: str) -> dict[Curve, NDArray[np.float64]]:
    """Return prediction - truth (N,) of the model, first, and of every baseline that predicts `target`."""
    true = np.asarray(inputs.events.true[target], np.float64)
    delta = {curve: np.asarray(values[target], np.float64) - true for curve, values in curves(inputs.events, target)}
    period = PERIODS.get(inputs.units.get(target, "")) if target in AZIMUTHS else None
    if period is None:
        return delta
    return {curve: (values + period / 2) % period - period / 2 for curve, values in delta.items()}


def percentile_68(sizes: NDArray[Any]) -> float:
    """Return the 68th percentile of the sizes."""
    return float(np.percentile(sizes, 68))


def residual_histogram(
    axes: Axes, delta: Residuals, unit: str, quantity: str, bins: int, about_bias: bool = False
) -> None:
    """Draw residuals within five half widths of the model to either side of its median, their widths in the legend.

    Residuals outside this range enter the numbers, and the legend gives their share. A baseline that is much narrower
    or wider than the model is only named, with its half width.

    Args:
        axes: the panel.
        delta: residuals by curve, the model first.
        unit: of the residuals.
        quantity: label of the axis.
        bins: number of bins.
        about_bias: whether the RMS in the legend is that about the bias, or about 0.
    """
    model = next(iter(delta.values()))
    width = half_width_68(model) or float(np.abs(model).max()) or 1.0
    scale = scale_for(unit, width)
    edges = np.linspace(-HALF_RANGE, HALF_RANGE, bins + 1) * width + np.median(model)
    drawn, others = comparable(delta, width, half_width_68)
    for curve in drawn:
        bias = float(delta[curve].mean())
        rms = float(np.sqrt(np.square(delta[curve] - about_bias * bias).mean()))
        sizes = (bias, half_width_68(delta[curve]), rms)
        _stairs(axes, curve, delta[curve], edges, scale, ", ".join(scale.digits(s, sizes[1]) for s in sizes))
    list_in_legend(axes, {curve: half_width_68(delta[curve]) for curve in others}, unit, "68 % half width")
    top = _room(axes)
    axes.vlines(0, 0, 1.05 * top, color=GREY, linewidth=1, linestyle=":")
    title = "bias, 68 % half width, RMS" + (" about the bias" if about_bias else "")
    _frame(axes, edges * scale.factor, scale.axis(quantity), scale.axis(title))


def size_histogram(axes: Axes, sizes: Residuals, unit: str, quantity: str, bins: int) -> None:
    """Draw distances or angles from 0 to five times the model's 68th percentile, these percentiles in the legend.

    Args:
        axes: the panel.
        sizes: by curve, the model first, none negative.
        unit: of the sizes.
        quantity: label of the axis.
        bins: number of bins.
    """
    model = next(iter(sizes.values()))
    width = percentile_68(model) or float(model.max()) or 1.0
    scale = scale_for(unit, width)
    largest = PERIODS.get(unit, np.inf) / 2 if quantity == OPENING_ANGLE else np.inf
    edges = np.linspace(0, min(HALF_RANGE * width, largest), bins + 1)
    drawn, others = comparable(sizes, width, percentile_68)
    for curve in drawn:
        size = percentile_68(sizes[curve])
        _stairs(axes, curve, sizes[curve], edges, scale, scale.digits(size, size))
    list_in_legend(axes, {curve: percentile_68(sizes[curve]) for curve in others}, unit, "68 % lie below")
    top = _room(axes)
    axes.vlines(width * scale.factor, 0, 1.05 * top, color=GREY, linewidth=1, linestyle=":")
    _frame(axes, edges * scale.factor, scale.axis(quantity), scale.axis("68 % lie below"))


def comparable(delta: Residuals, width: float, size: Size) -> tuple[list[Curve], list[Curve]]:
    """Return the curves to draw next to a model of this width, and those that the legend only names."""
    least, most = (factor * width for factor in COMPARABLE)
    drawn = [curve for curve, values in delta.items() if curve.is_model or least <= size(values) <= most]
    return drawn, [curve for curve in delta if curve not in drawn]


def list_in_legend(axes: Axes, sizes: Mapping[Curve, float], unit: str, quantity: str) -> None:
    """Put baselines that are not drawn into the legend, each with its size in a unit of its own."""
    for curve, size in sizes.items():
        axes.plot([], [], " ", label=f"{curve.name} (not drawn): {quantity} {scale_for(unit, size).text(size)}")


def _stairs(axes: Axes, curve: Curve, values: NDArray[Any], edges: NDArray[Any], scale: Scale, text: str) -> None:
    counts, _ = np.histogram(values, edges)
    outside = 100 * (1 - counts.sum() / len(values))
    text = f"{curve.name}: {text}" + (f" ({outside:.1f} % outside)" if outside >= 0.05 else "")
    if curve.is_model:
        axes.stairs(counts, edges * scale.factor, fill=True, color=curve.colour, alpha=0.25)
    axes.stairs(counts, edges * scale.factor, color=curve.colour, linestyle=curve.dashes, linewidth=1.8, label=text)


def _room(axes: Axes) -> float:
    """Leave room for the legend above the histograms, and return their height."""
    top = axes.get_ylim()[1] / 1.05
    axes.set_ylim(0, 1.5 * top)
    return float(top)


def _frame(axes: Axes, edges: NDArray[Any], quantity: str, title: str) -> None:
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(quantity)
    axes.set_ylabel("events per bin")
    draw_legend(axes, loc="upper left", title=title, alignment="left", borderaxespad=0.3)


POSITION = ("u", "v", "w")


@dataclass(frozen=True)
class ResidualSet:
    """A residual, or a size without a sign, of model and baselines: `values` (N,) by curve, the model first."""

    name: str
    unit: str
    values: Residuals
    signed: bool = True


@dataclass(frozen=True)
class Reference:
    """The true quantity (N,) against which a resolution is drawn; NaN for an event without it."""

    name: str
    unit: str
    values: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.float64]:
        """The values of the events that have one."""
        return self.values[np.isfinite(self.values)]


def collect_residuals(inputs: PlotInputs) -> list[ResidualSet]:
    """Return the residuals of all targets, then an opening angle, a distance or a relative residual."""
    residuals = [ResidualSet(symbol(t), inputs.units.get(t, ""), differences(inputs, t)) for t in inputs.events.true]
    combined = [combine(inputs) for targets, combine in COMBINED if set(targets) <= set(inputs.events.true)]
    return residuals + combined


def find_reference(inputs: PlotInputs) -> Reference | None:
    """Return the true energy, transverse momentum or momentum of the events, where it is known."""
    quantities = {"energy": energy_of(inputs.events), "pt": pt_of(inputs.events), "p": inputs.events.columns.get("p")}
    for name, values in quantities.items():
        if values is not None:
            reference = Reference(symbol(name), inputs.units.get(name, "GeV"), np.asarray(values, np.float64))
            return reference if len(reference.known) else None
    return None


def opening_angles(inputs: PlotInputs, targets: Sequence[str]) -> ResidualSet:
    """Return the angles [deg] between predicted and true direction, of the model and of every baseline."""
    true = _direction(inputs.events.true, targets)
    known = curves(inputs.events, *targets)
    angles = {curve: opening_angle(true, _direction(values, targets)) / DEGREE for curve, values in known}
    return ResidualSet(OPENING_ANGLE, "deg", angles, signed=False)


def _direction(values: Mapping[str, Any], targets: Sequence[str]) -> NDArray[np.float64]:
    columns = [np.asarray(values[target], np.float64) for target in targets]
    return np.stack(columns if len(columns) == 3 else emission_vector(*columns), axis=-1)


def _distance(inputs: PlotInputs) -> ResidualSet:
    parts = [differences(inputs, target) for target in POSITION]
    known = [curve for curve in parts[0] if all(curve in part for part in parts)]
    sizes = {curve: np.sqrt(sum(part[curve] ** 2 for part in parts)) for curve in known}
    return ResidualSet("distance", inputs.units.get("u", ""), sizes, signed=False)


def _relative(inputs: PlotInputs, target: str) -> ResidualSet:
    true = np.asarray(inputs.events.true[target], np.float64)
    share = {curve: 100 * delta / np.abs(true) for curve, delta in differences(inputs, target).items()}
    return ResidualSet(f"relative {symbol(target)}", "%", share)


COMBINED: tuple[tuple[tuple[str, ...], Callable[[PlotInputs], ResidualSet]], ...] = (
    (ANGLES, lambda inputs: opening_angles(inputs, ANGLES)),
    (COMPONENTS, lambda inputs: opening_angles(inputs, COMPONENTS)),
    (POSITION, _distance),
    *(((target,), partial(_relative, target=target)) for target in ("energy", "pt", "q_over_pt")),
)
