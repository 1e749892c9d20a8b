"""How much better one run is than another on the same events, in all and bin by bin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError, WirechamberError
from app.metrics import METRICS
from app.predictions import Predictions


def change_by_bin(
    predictions: Predictions, reference: Predictions, metric: str | Mapping[str, Any] = "track_residuals"
) -> dict[str, float]:
    """Return by how many per cent the primary figure of `metric` is better than the reference's, bin by bin.

    +50 is half the error of the reference, -100 twice its error; for figures of which more is better, +50 is half as
    much again. A change of the mean over all bins is mostly one of the bin with the largest errors.

    Args:
        predictions: of the run that is judged.
        reference: of the run that it is held against, on the same events in any order.
        metric: the JSON of a metric.

    Returns:
        {"all": per cent, "<low>-<high>": per cent, ...} with the bins of the metric that hold events.

    Raises:
        UserError: the events are not the same.
        WirechamberError: the reference is perfect, so that nothing is a share of its error.
    """
    spec = METRICS.parse(metric)
    facts = spec.component.facts
    found, before = spec.build(predictions), spec.build(_in_order_of(predictions, reference))
    sign = -1.0 if facts["better"] == "lower" else 1.0
    return {
        place: sign * _growth(now[facts["primary"]], old[facts["primary"]], place)
        for (place, now), (_, old) in zip(_places(found), _places(before), strict=True)
    }


def _places(figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    bins = figures.get("bins", [])
    return [("all", figures), *((f"{one['low']:g}-{one['high']:g}", one) for one in bins)]


def _growth(value: float, reference: float, place: str) -> float:
    if not reference:
        raise WirechamberError(f"the reference is perfect ({place}): no change is a share of 0")
    return 100.0 * (value - reference) / reference


def _in_order_of(predictions: Predictions, reference: Predictions) -> Predictions:
    """Return the reference with its events in the order of the predictions."""
    common = len(np.intersect1d(predictions.key, reference.key))
    if not common == len(predictions) == len(reference):
        what = "the two runs were measured on different events"
        received = f"{len(predictions):,} and {len(reference):,} events, {common:,} of them in both"
        raise UserError(Problem(what, (), None, "predictions of the same events", received))
    order = np.empty(len(reference), np.intp)
    order[np.argsort(predictions.key)] = np.argsort(reference.key)
    ordered = reference.select(order)
    for name in sorted(predictions.true.keys() & ordered.true.keys()):
        if not np.allclose(predictions.true[name], ordered.true[name], rtol=1e-5, atol=1e-6):
            what = f"the two runs were measured on different events: equal keys, but another true {name}"
            raise UserError(Problem(what, (), None, "predictions of the same events"))
    return ordered
