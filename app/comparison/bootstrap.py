"""Uncertainties of figures from the finite number of test events: the events are drawn again, with replacement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.comparison.measures import Measures, Place
from app.core.errors import Problem, UserError, WirechamberError
from app.predictions import Predictions

SEED = 1
Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Sampled:
    """The figures of a run and the same figures of each draw of its test events, NaN where a draw has none."""

    value: Mapping[Place, float]
    draws: Mapping[Place, Draws]

    def error(self, place: Place) -> float | None:
        """The standard deviation of the draws, None where fewer than two have the figure."""
        return deviation(self.draws[place])


def deviation(draws: Draws) -> float | None:
    """Return the standard deviation of the finite draws, None of fewer than two."""
    known = draws[np.isfinite(draws)]
    return float(known.std(ddof=1)) if len(known) > 1 else None


def sampled(predictions: Mapping[str, Predictions], measures: Mapping[str, Measures], draws: int) -> dict[str, Sampled]:
    """Measure every run on its events and on `draws` draws of them, the same draws for all runs.

    The figures are those of the metrics themselves, percentiles and areas included, on the drawn events: a draw costs
    as much as one measurement, and only what differs between the runs is left in their paired differences. The number
    of events in a draw is that of the test split. A figure that rests on few events, as a mean does that one lost track
    dominates, has an uncertainty that is itself uncertain, and bins without events in a draw are left out of it.

    Args:
        predictions: of each run, the same events in the same order.
        measures: of each run.
        draws: how many.
    """
    lean = {name: _lean(found, measures[name]) for name, found in predictions.items()}
    nominal = {name: measures[name](found) for name, found in lean.items()}
    drawn = {name: {place: np.full(draws, np.nan) for place in found} for name, found in nominal.items()}
    rng, events = np.random.default_rng(SEED), len(next(iter(lean.values())))
    for number in range(draws):
        rows = np.sort(rng.integers(0, events, events))
        for name, found in lean.items():
            for place, value in _figures(measures[name], found.select(rows)).items():
                if place in drawn[name]:
                    drawn[name][place][number] = value
    return {name: Sampled(nominal[name], drawn[name]) for name in lean}


def _figures(measures: Measures, predictions: Predictions) -> Mapping[Place, float]:
    try:
        return measures(predictions)
    except WirechamberError:  # a draw that lacks what the metric needs, e.g. one of the classes
        return {}


def _lean(predictions: Predictions, measures: Measures) -> Predictions:
    """Return the predictions without the baselines, which no figure of the run looks at."""
    targets = [target for task in measures.tasks.values() for target in task.targets]
    missing = sorted(set(targets) - predictions.predicted.keys())
    if missing:
        raise UserError(Problem("predictions.csv lacks a target of the job", (missing[0],), expected=str(targets)))
    fields: dict[str, Any] = {**predictions.__dict__, "baselines": {}}
    return Predictions(**fields)
