"""Calibration of predicted uncertainties: probabilities, concentrations of directions, standard deviations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.types import Bins
from app.metrics.direction import COMPONENTS
from app.metrics.statistics.classes import as_classes, classes_of, has_probability, probabilities
from app.metrics.statistics.residuals import half_width_68
from app.plots import PLOTS, Needs
from app.plots.drawing import style
from app.plots.drawing.filled_bins import equal_bins
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import opening_angles
from app.plots.roc import class_style

FEWEST = 10
"""A bin with fewer events is not drawn."""


@PLOTS("calibration", needs=Needs(uncertainty=True), per_task=True)
@style.styled
def calibration(inputs: PlotInputs, *, bins: Bins = 10) -> style.Figure:
    """Predicted uncertainties compared with what was observed, in bins with equally many events.

    * Classes: the observed share of a class against its mean predicted probability, with the 68 % interval of the true
      share (Wilson). The legend has the expected calibration error: the mean distance from the diagonal, weighted with
      the number of events.
    * Directions with a concentration kappa: the mean cosine of the opening angle against that of the von Mises-Fisher
      distribution, coth(kappa) - 1 / kappa.
    * Numbers with a standard deviation sigma: the width of the pull (prediction - truth) / sigma in bins of sigma. It
      is 1 where sigma is right and larger where sigma is too small.

    Args:
        inputs: the run, with the predictions of one task.
        bins: number of bins.

    Returns:
        A panel for each class, concentration or standard deviation.
    """
    classes = [target for target in classes_of(inputs.events) if has_probability(inputs.events, target)]
    sigmas = [target for target in inputs.events.true if target in inputs.events.sigma]
    directed = list(inputs.concentration) if set(COMPONENTS) <= set(inputs.events.true) else []
    figure, panels = style.grid(len(classes) + len(directed) + len(sigmas))
    places = iter(panels)
    for target in classes:
        _reliability(next(places), inputs, target, bins)
    for task in directed:
        _cosines(next(places), inputs, inputs.concentration[task], bins)
    for target in sigmas:
        _pulls(next(places), inputs, target, bins)
    style.label(inputs, panels)
    return figure


def mean_cosine(kappa: Any) -> NDArray[np.float64]:
    """Return coth(kappa) - 1 / kappa, the mean cosine of the von Mises-Fisher distribution in space.

    Below 0.01, where the difference of two large numbers loses its digits, the series kappa / 3 is used.
    """
    kappa = np.asarray(kappa, np.float64)
    safe = np.maximum(kappa, 0.01)
    return np.asarray(np.where(kappa < 0.01, kappa / 3, 1 / np.tanh(safe) - 1 / safe))


def wilson(right: float, number: int) -> tuple[float, float]:
    """Return Wilson's 68 % interval of a share that is measured as `right` among `number` events.

    Where all or none of the events are right the interval still has a width; it ends at 1 or 0.
    """
    share = right / number
    middle, half = share + 0.5 / number, np.sqrt(share * (1 - share) / number + 0.25 / number**2)
    return float((middle - half) / (1 + 1 / number)), float((middle + half) / (1 + 1 / number))


def _reliability(axes: style.Axes, inputs: PlotInputs, target: str, bins: int) -> None:
    events, counts = as_classes(inputs.events.only([target]))
    known, names = probabilities(events.probability, target, counts[target]), inputs.names_of(target, counts[target])
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle=":")
    for k, p in enumerate(known.T if known is not None else ()):
        if counts[target] == 2 and not k:
            continue  # of two classes, class 0 shows the same as class 1
        is_class, intervals = events.true[target] == k, equal_bins(p, bins, FEWEST)
        x, y = (np.array([values[inside].mean() for inside in intervals]) for values in (p, is_class))
        ranges = [wilson(float(is_class[inside].sum()), int(inside.sum())) for inside in intervals]
        low, high = np.array(ranges).reshape(-1, 2).T
        number = np.array([inside.sum() for inside in intervals])
        error = np.sum(number * np.abs(x - y)) / max(number.sum(), 1)
        look = {**class_style(k, counts[target]), "marker": "o", "elinewidth": 1}
        axes.errorbar(
            x,
            y,
            yerr=np.maximum([y - low, high - y], 0),
            **look,
            label=f"{style.symbol(target)} = {names[k]}: {error:.3f}",
        )
    axes.set(
        xlim=(0, 1), ylim=(0, 1), xlabel=f"predicted probability of {style.symbol(target)}", ylabel="observed share"
    )
    style.make_room(axes)
    style.draw_legend(axes, loc="upper left", title="mean distance from the diagonal", alignment="left")


def _cosines(axes: style.Axes, inputs: PlotInputs, kappa: NDArray[Any], bins: int) -> None:
    cosine = np.cos(np.radians(next(iter(opening_angles(inputs, COMPONENTS).values.values()))))
    expected, cuts = mean_cosine(kappa), equal_bins(np.asarray(kappa, np.float64), bins, FEWEST)
    x, y = (np.array([values[cut].mean() for cut in cuts]) for values in (expected, cosine))
    error = [cosine[cut].std() / np.sqrt(cut.sum()) for cut in cuts]
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle=":")
    text = f"all events: {cosine.mean():.3f} for {expected.mean():.3f}"
    axes.errorbar(x, y, yerr=error, color=style.BLUE, marker="o", elinewidth=1, label=text)
    low = min(0.0, float((y - error).min(initial=0.0)))
    axes.set(xlim=(0, 1), ylim=(1.1 * low, 1.02), ylabel="observed mean cosine")
    axes.set_xlabel(r"predicted mean cosine, coth $\kappa$ $-$ 1/$\kappa$")
    style.make_room(axes)
    style.draw_legend(axes, loc="upper left")


def _pulls(axes: style.Axes, inputs: PlotInputs, target: str, bins: int) -> None:
    events = inputs.events
    sigma = np.asarray(events.sigma[target], np.float64)
    pull = (np.asarray(events.predicted[target], np.float64) - events.true[target]) / sigma
    cuts = equal_bins(sigma, bins, FEWEST)
    scale = style.scale_for(inputs.units.get(target, ""), float(np.median(sigma)))
    x = np.array([sigma[cut].mean() for cut in cuts]) * scale.factor
    kinds = (("standard deviation", np.std, style.BLUE, "o"), ("68 % half width", half_width_68, style.ORANGE, "s"))
    for name, width, colour, marker in kinds:
        y = np.array([width(pull[cut]) for cut in cuts])
        error = y / np.sqrt([2 * cut.sum() for cut in cuts])
        axes.errorbar(x, y, yerr=error, color=colour, marker=marker, elinewidth=1, label=f"{name}: {width(pull):.3f}")
    axes.axhline(1, color=style.GREY, linewidth=1, linestyle=":")
    axes.set(ylim=(0, max(2.0, 1.25 * axes.get_ylim()[1])), ylabel=f"width of the pulls of {style.symbol(target)}")
    axes.set_xlabel(scale.axis(rf"predicted $\sigma$ of {style.symbol(target)}"))
    style.draw_legend(axes, loc="upper right", title="all events", alignment="left")
