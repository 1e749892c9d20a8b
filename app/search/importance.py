"""How much of the differences between trials each searched value explains."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.config import Job
from app.config.derived_jobs import dimensions
from app.search.state import Trial

EPOCHS = "tuner/epochs"
FEWEST = 5
TREES = 200
ABSENT = -1.0
"""Of a value that a trial does not have: off the scale from 0 to 1 that the others have."""

Table = dict[str, NDArray[np.float64]]


def finished(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that have a score."""
    return [trial for trial in trials if trial.state == "done" and trial.score is not None]


def coordinates(job: Job, trials: Sequence[Trial]) -> Table:
    """Return what was drawn for each trial by path, from 0 to 1 as it was drawn: (trials,), ABSENT where inactive."""
    found: Table = {}
    for entry in dimensions(job):
        values = entry.dimension.values
        low, high = (0, max(1, len(values) - 1)) if values else entry.dimension.range
        found[entry.path] = _scaled([t.drawn.get(entry.path) for t in trials], low, high, entry.dimension.log)
    epochs = [t.drawn[EPOCHS] for t in trials if EPOCHS in t.drawn]
    if len(epochs) == len(trials) and len(set(epochs)) > 1:
        found["epochs"] = _scaled(epochs, min(epochs), max(epochs), log=True)
    return found


def _scaled(drawn: Sequence[float | None], low: float, high: float, log: bool) -> NDArray[np.float64]:
    scale = math.log if log else float
    width = scale(high) - scale(low)
    return np.array([ABSENT if v is None else (scale(v) - scale(low)) / width for v in drawn])


def importance(job: Job, trials: Sequence[Trial]) -> tuple[dict[str, float], str]:
    """Return the importance of each path from 0 to 1, and what it is.

    With scikit-learn the share of the variance of the scores' ranks that a random forest explains by it (they sum up to
    1), else the absolute rank correlation with the score (Spearman), which sees no optimum in the middle. Ranks,
    because one trial that diverged would otherwise be all of the variance. Both are rough below some tens of trials.
    """
    done = finished(trials)
    table = coordinates(job, done)
    scores = _ranks(np.array([trial.score for trial in done], np.float64))
    if len(done) < FEWEST or not table or np.ptp(scores) == 0:
        return {}, ""
    if importlib.util.find_spec("sklearn") is not None:
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(TREES, random_state=0).fit(np.stack(list(table.values()), axis=1), scores)
        return dict(
            zip(table, map(float, forest.feature_importances_), strict=True)
        ), "share of the variance, random forest"
    return {path: _correlation(values, scores) for path, values in table.items()}, "absolute rank correlation"


def _correlation(values: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    there = values != ABSENT
    ranks = _ranks(values[there])
    if there.sum() < FEWEST or np.ptp(ranks) == 0 or np.ptp(scores[there]) == 0:
        return 0.0
    return abs(float(np.corrcoef(ranks, scores[there])[0, 1]))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 0, the mean one of equal values."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts + 1) / 2)[places], np.float64)
