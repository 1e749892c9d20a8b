"""Images of single events on every plane: the best, the worst and random ones, with their directions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics.direction import COMPONENTS
from app.metrics.statistics.bins import energy_of
from app.metrics.statistics.classes import classes_of
from app.physics.argon.planes import PITCH, PLANES, PROJECTION, TICKS_PER_CM
from app.physics.directions import unit
from app.plots import PLOTS, Needs
from app.plots.drawing.displays import KINDS, Displays, merit
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.style import BLUE, ORANGE, Axes, Figure, label, new_figure, scale_for, styled, symbol
from app.predictions import Predictions

CENTRAL = (5.0, 95.0)
"""A window shows at least the charge between these percentiles."""
LEAST = (64, 16)
"""Smallest window, in ticks and channels."""
MARGIN = (10, 3)
"""Ticks and channels around the charge."""
NEAR = (130, 26)
"""Charge farther than this from the middle of an image, in ticks and channels (10 and 12 cm), is ignored."""
LENGTH = 0.45
"""Length of an arrow in space, divided by the shorter side of its window."""
WIDTH = 3.6
"""Least width of an event [inch]: that of its title."""
Window = tuple[slice, slice]


@PLOTS("event_display", needs=Needs(displays=True), per_task=True)
@styled
def event_display(inputs: PlotInputs) -> Figure:
    """Images of the best, worst and some random test events on every plane, with true and predicted direction.

    The best events of a direction have the smallest opening angles, those of a class the largest probabilities of the
    true class. Arrows begin at the mean position of the charge and have the same length in space, so that an arrow
    along the wires of a plane, or towards the anode, appears short. A window shows the surroundings of the charge, not
    the whole image.

    Args:
        inputs: the run, with the predictions of one task and the images that were kept of it, `displays.npz`.

    Returns:
        Three rows of up to three events.
    """
    displays: Displays = inputs.displays  # type: ignore[assignment]
    events = inputs.events.select(displays.row)
    number = max(int(np.sum(displays.kind == kind)) for kind in KINDS)
    figure = new_figure(max(1.75 * len(displays.images), WIDTH) * number, 11.5)
    places = figure.add_gridspec(len(KINDS) + 1, number, height_ratios=(0.02, 1, 1, 1))
    head = figure.add_subplot(places[0, :])
    head.set_axis_off()
    titles = event_titles(inputs, events, classes_of(inputs.events))
    for line, kind in enumerate(KINDS, start=1):
        for column, row in enumerate(np.flatnonzero(displays.kind == kind).tolist()):
            images = {plane: values[row] for plane, values in displays.images.items()}
            inner = places[line, column].subgridspec(1, len(images), wspace=0.04)
            panels = [figure.add_subplot(inner[0, place]) for place in range(len(images))]
            directions = _directions(events, row) if displays.canonical else {}
            _event(panels, images, directions, f"{kind}: {titles[row]}")
    known = _directions(events, 0) if displays.canonical else {}
    for colour, name in ((ORANGE, "true direction"), (BLUE, "predicted direction")):
        if colour in known:
            head.plot([], [], color=colour, linewidth=2, label=name)
    if known:
        head.legend(loc="lower center", bbox_to_anchor=(0.5, 0.5), ncols=2, borderaxespad=0)
    label(inputs, [head])
    return figure


def event_titles(inputs: PlotInputs, events: Predictions, classes: Sequence[str]) -> list[str]:
    """Return the title of each event: its true class, how good its prediction is, and its energy, where known."""
    figures, energy = merit(events), energy_of(events)
    titles = []
    for row in range(len(events)):
        number = int(events.true[classes[0]][row]) if classes else 0
        parts = [f"{symbol(classes[0])} = {inputs.names_of(classes[0], number + 1)[number]}"] if classes else []
        if figures is not None:
            parts.append(f"p = {figures[row]:.3f}" if classes else f"{np.degrees(-figures[row]):.1f}°")
        if energy is not None and np.isfinite(energy[row]):
            parts.append(scale_for("GeV", float(energy[row])).text(float(energy[row])))
        titles.append(", ".join(parts))
    return titles


def _directions(events: Predictions, row: int) -> dict[str, NDArray[np.float64]]:
    """Return the true and the predicted unit vector of an event, where known, by the colour of its arrow."""
    both = ((ORANGE, {**events.columns, **events.true}), (BLUE, events.predicted))
    known = {colour: values for colour, values in both if set(COMPONENTS) <= set(values)}
    vectors = {colour: np.array([values[name][row] for name in COMPONENTS]) for colour, values in known.items()}
    return {colour: unit(vector) for colour, vector in vectors.items() if np.isfinite(vector).all()}


def _event(panels: list[Axes], images: Mapping[str, Any], directions: Mapping[str, Any], title: str) -> None:
    from matplotlib.colors import PowerNorm

    ticks = _window(np.sum([np.maximum(image, 0).sum(axis=1) for image in images.values()], axis=0), 0)
    style: dict[str, Any] = {"arrowstyle": "-|>", "linewidth": 2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12}
    for axes, (plane, image) in zip(panels, images.items(), strict=True):
        channels = _window(np.maximum(image, 0).sum(axis=0), 1)
        cut = np.maximum(image[ticks, channels], 0)
        extent = (channels.start - 0.5, channels.stop - 0.5, ticks.start - 0.5, ticks.stop - 0.5)
        look: dict[str, Any] = {"origin": "lower", "aspect": "auto", "cmap": "Greys", "interpolation": "nearest"}
        axes.imshow(cut, extent=extent, norm=PowerNorm(0.5, 0, max(float(cut.max()), 1.0)), **look)
        for colour, vector in directions.items():
            begin, end = arrow(image, plane, vector, (ticks, channels))
            axes.annotate("", xy=tuple(end), xytext=tuple(begin), arrowprops={**style, "color": colour})
        axes.set_xlabel(f"{plane.upper()} channel")
        axes.tick_params(labelleft=axes is panels[0])
    panels[0].set_ylabel("tick")
    panels[len(panels) // 2].set_title(title, fontsize=11.5)


def _window(profile: NDArray[Any], axis: int) -> slice:
    """Return the range of an axis that holds the charge, with a margin; charge far from the middle is background."""
    far = np.abs(np.arange(len(profile)) - (len(profile) - 1) / 2) > NEAR[axis]
    total = np.cumsum(np.where(far, 0, profile))
    low, high = np.searchsorted(total, np.array(CENTRAL) / 100 * total[-1])
    low, width = int(low) - MARGIN[axis], int(high - low) + 1 + 2 * MARGIN[axis]
    low -= max(0, LEAST[axis] - width) // 2
    width = min(max(width, LEAST[axis]), len(profile))
    low = min(max(low, 0), len(profile) - width)
    return slice(low, low + width)


def arrow(image: NDArray[Any], plane: str, vector: NDArray[Any], window: Window) -> tuple[Any, Any]:
    """Return begin and end of a direction as (channel, tick), from the mean position of the charge.

    Args:
        image: (ticks, channels).
        plane: "u", "v" or "x".
        vector: unit vector in the canonical frame.
        window: ticks and channels that are shown: the charge in them counts, and they give the length.
    """
    number, (ticks, channels) = PLANES.index(plane.upper()), window
    charge = np.maximum(np.asarray(image[window], np.float64), 0)
    charge = charge if charge.any() else np.ones_like(charge)
    along = ((0, channels), (1, ticks))
    begin = np.array([np.average(np.arange(cut.start, cut.stop), weights=charge.sum(axis=i)) for i, cut in along])
    shorter = min(charge.shape[1] * PITCH[number], charge.shape[0] / TICKS_PER_CM)
    step = LENGTH * shorter * np.array([PROJECTION[number] @ vector, PROJECTION[3] @ vector])
    return begin, begin + step
