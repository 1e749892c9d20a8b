"""Whether what is said of an uncertainty is true: probabilities, concentrations of directions, standard deviations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.types import Count
from app.metrics.direction import COMPONENTS
from app.metrics.statistics.bins import bins_of, edges_for
from app.metrics.statistics.classes import as_classes, classes_of, has_probability, probabilities
from app.metrics.statistics.residuals import half_width_68
from app.plots import PLOTS
from app.plots.drawing.inputs import Needs, PlotInputs
from app.plots.drawing.residuals import opening_angles
from app.plots.drawing.style import BLUE, GREY, ORANGE, Axes, Figure, grid, label, scale_for, styled, symbol
from app.plots.roc import look_of

FEWEST = 10
"""Events that a bin needs to be drawn."""


@PLOTS("calibration", needs=Needs(uncertainty=True), per_task=True)
@styled
def calibration(inputs: PlotInputs, *, bins: Count = 10) -> Figure:
    """Predicted uncertainties held against what was observed, in bins with equally many events.

    Classes: the observed share of a class against its mean predicted probability, with the range in which the true
    share lies at 68 % (Wilson); the legend has the mean distance from the diagonal, weighted with the events
    (expected calibration error). Directions with a concentration kappa: the mean cosine of the opening angle against
    that of the von Mises-Fisher distribution, coth(kappa) - 1 / kappa. Numbers with a standard
    deviation sigma: width of (prediction - truth) / sigma in bins of sigma; it is 1 where sigma is right, larger where
    it is too small.

    Args:
        inputs: the run, with the predictions of one task.
        bins: number of bins.

    Returns:
        A panel for each class, concentration or standard deviation.
    """
    classes = [target for target in classes_of(inputs.events) if has_probability(inputs.events, target)]
    sigmas = [target for target in inputs.events.true if target in inputs.events.sigma]
    directed = list(inputs.concentration) if _directed(inputs) else []
    figure, panels = grid(len(classes) + len(directed) + len(sigmas))
    places = iter(panels)
    for target in classes:
        _reliability(next(places), inputs, target, bins)
    for task in directed:
        _cosines(next(places), inputs, inputs.concentration[task], bins)
    for target in sigmas:
        _pulls(next(places), inputs, target, bins)
    label(inputs, panels)
    return figure


def mean_cosine(kappa: Any) -> NDArray[np.float64]:
    """Return coth(kappa) - 1 / kappa, the mean cosine of the von Mises-Fisher distribution in space.

    Below 0.01 it is its series kappa / 3, where the difference of two large numbers loses its digits.
    """
    kappa = np.asarray(kappa, np.float64)
    safe = np.maximum(kappa, 0.01)
    return np.asarray(np.where(kappa < 0.01, kappa / 3, 1 / np.tanh(safe) - 1 / safe))


def wilson(right: float, number: int) -> tuple[float, float]:
    """Return the range in which a share lies at 68 %, of `right` among `number` events.

    It has a width where all or none are right, and there ends at 1 or 0.
    """
    share = right / number
    middle, half = share + 0.5 / number, np.sqrt(share * (1 - share) / number + 0.25 / number**2)
    return float((middle - half) / (1 + 1 / number)), float((middle + half) / (1 + 1 / number))


def _inside(values: NDArray[Any], bins: int) -> list[NDArray[np.bool_]]:
    """Return which events are in each of at most so many bins of `values` with equally many of them."""
    edges = edges_for(values, None, max(1, min(bins, len(values) // FEWEST)))
    return [inside for *_, inside in bins_of(values, edges) if inside.sum() >= FEWEST]


def _reliability(axes: Axes, inputs: PlotInputs, target: str, bins: int) -> None:
    events, counts = as_classes(inputs.events.only([target]))
    known = probabilities(events.probability, target, counts[target])
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    for k, p in enumerate(known.T if known is not None else ()):
        if counts[target] > 2 or k:
            _class(axes, p, events.true[target] == k, bins, look_of(k, counts[target]), f"{symbol(target)} = {k}")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"predicted probability of {symbol(target)}", ylabel="observed share")
    axes.legend(loc="upper left", title="mean distance from the diagonal", alignment="left")


def _class(axes: Axes, p: NDArray[Any], is_class: NDArray[np.bool_], bins: int, look: Any, name: str) -> None:
    cuts = _inside(p, bins)
    x, y = (np.array([values[cut].mean() for cut in cuts]) for values in (p, is_class))
    ranges = np.array([wilson(float(is_class[cut].sum()), int(cut.sum())) for cut in cuts]).reshape(-1, 2)
    number = np.array([cut.sum() for cut in cuts])
    error = np.sum(number * np.abs(x - y)) / max(number.sum(), 1)
    bars = np.maximum([y - ranges[:, 0], ranges[:, 1] - y], 0)
    axes.errorbar(x, y, yerr=bars, **look, marker="o", elinewidth=1, label=f"{name}: {error:.3f}")


def _cosines(axes: Axes, inputs: PlotInputs, kappa: NDArray[Any], bins: int) -> None:
    cosine = np.cos(np.radians(next(iter(opening_angles(inputs, COMPONENTS).values.values()))))
    expected, cuts = mean_cosine(kappa), _inside(np.asarray(kappa, np.float64), bins)
    x, y = (np.array([values[cut].mean() for cut in cuts]) for values in (expected, cosine))
    error = [cosine[cut].std() / np.sqrt(cut.sum()) for cut in cuts]
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    text = f"all events: {cosine.mean():.3f} for {expected.mean():.3f}"
    axes.errorbar(x, y, yerr=error, color=BLUE, marker="o", elinewidth=1, label=text)
    low = min(0.0, float((y - error).min(initial=0.0)))
    axes.set(xlim=(0, 1), ylim=(1.1 * low, 1.02), ylabel="observed mean cosine")
    axes.set_xlabel(r"predicted mean cosine, coth $\kappa$ $-$ 1/$\kappa$")
    axes.legend(loc="upper left")


def _directed(inputs: PlotInputs) -> bool:
    return set(COMPONENTS) <= set(inputs.events.true)


def _pulls(axes: Axes, inputs: PlotInputs, target: str, bins: int) -> None:
    events = inputs.events
    sigma = np.asarray(events.sigma[target], np.float64)
    pull = (np.asarray(events.predicted[target], np.float64) - events.true[target]) / sigma
    cuts = _inside(sigma, bins)
    scale = scale_for(inputs.units.get(target, ""), float(np.median(sigma)))
    x = np.array([sigma[cut].mean() for cut in cuts]) * scale.factor
    both = (("standard deviation", np.std, BLUE, "o"), ("68 % half width", half_width_68, ORANGE, "s"))
    for name, width, colour, marker in both:
        y = np.array([width(pull[cut]) for cut in cuts])
        error = y / np.sqrt([2 * cut.sum() for cut in cuts])
        axes.errorbar(x, y, yerr=error, color=colour, marker=marker, elinewidth=1, label=f"{name}: {width(pull):.3f}")
    axes.axhline(1, color=GREY, linewidth=1, linestyle=":")
    axes.set(ylim=(0, max(2.0, 1.25 * axes.get_ylim()[1])), ylabel=f"width of the pulls of {symbol(target)}")
    axes.set_xlabel(scale.axis(rf"predicted $\sigma$ of {symbol(target)}"))
    axes.legend(loc="upper right", title="all events", alignment="left")
