"""How much better a run is than the reference, in per cent of the reference's figure, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.comparison.bootstrap import Draws, Sampled, deviation
from app.comparison.measures import Measures, Place

CERTAIN = 0.05
"""A difference whose two-sided p-value lies below it is called better or worse."""


@dataclass(frozen=True)
class Change:
    """One figure of a run compared with the reference; positive means better.

    Attributes:
        place: which figure.
        percent: change in per cent of the reference's figure; None where that is 0.
        error: its standard deviation over the draws.
        significance: of the difference, in its own standard deviations.
        p_value: two-sided, from the share of draws on the other side of 0.
    """

    place: Place
    percent: float | None
    error: float | None
    significance: float | None
    p_value: float | None

    @property
    def verdict(self) -> str:
        """The change in a word."""
        if self.p_value is None or self.percent is None or self.p_value >= CERTAIN:
            return "no clear difference"
        return "better" if self.percent > 0 else "worse"


def changes(run: Sampled, reference: Sampled, measures: Measures, task: str) -> list[Change]:
    """Return the change of a task's leading figure, in all and bin by bin; +50 is half the error, -100 twice the error.

    A change of the mean over all bins is mostly one of the bin with the largest errors. The draws are paired: the same
    events are drawn for both runs, so that what both find difficult cancels.
    """
    sign = -1.0 if measures.better[task] == "lower" else 1.0
    name = measures.leading[task]
    places = [Place(name), *(place for place in reference.value if place.task == task)]
    return [_change(place, run, reference, sign) for place in places if place in run.value]


def _change(place: Place, run: Sampled, reference: Sampled, sign: float) -> Change:
    value, before = run.value[place], reference.value[place]
    difference = sign * (run.draws[place] - reference.draws[place])
    spread = deviation(difference)
    significance = sign * (value - before) / spread if spread else None
    if not before:
        return Change(place, None, None, significance, _p_value(difference))
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = 100.0 * difference / np.abs(reference.draws[place])
    return Change(
        place, 100.0 * sign * (value - before) / abs(before), deviation(percent), significance, _p_value(difference)
    )


def _p_value(difference: Draws) -> float | None:
    """Return twice the smaller share of draws on one side of 0; one draw is added to both, for none proves a zero."""
    known = difference[np.isfinite(difference)]
    if len(known) < 2 or not known.any():
        return None
    least = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2.0 * (least + 1) / (len(known) + 1)))
