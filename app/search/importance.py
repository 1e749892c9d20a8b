"""The importance of each searched value: how much of the differences between trials it explains."""

import importlib.util
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.config import Job
from app.config.derived_jobs import dimensions
from app.search.state import Trial, scored

EPOCHS = "tuner/epochs"
FEWEST = 5
"""Trials below which no importance is given."""
TREES = 200
ABSENT = -1.0
"""Stands for a value that a trial does not have: outside the scale from 0 to 1 of the others."""

Table = dict[str, NDArray[np.float64]]


def coordinates(job: Job, trials: Sequence[Trial]) -> Table:
    """Return what was drawn for each trial by path, from 0 to 1 as it was drawn: (trials,), ABSENT where inactive."""

    def scaled(drawn: Sequence[float | None], low: float, high: float, log: bool) -> NDArray[np.float64]:
        scale = math.log if log else float
        width = scale(high) - scale(low)
        return np.array([ABSENT if value is None else (scale(value) - scale(low)) / width for value in drawn])

    table: Table = {}
    for entry in dimensions(job):
        values = entry.dimension.values
        low, high = (0, max(1, len(values) - 1)) if values else entry.dimension.range
        table[entry.path] = scaled([t.drawn.get(entry.path) for t in trials], low, high, entry.dimension.log)
    epochs = [trial.drawn[EPOCHS] for trial in trials if EPOCHS in trial.drawn]
    if len(epochs) == len(trials) and len(set(epochs)) > 1:
        table["epochs"] = scaled(epochs, min(epochs), max(epochs), log=True)
    return table


def importance(job: Job, trials: Sequence[Trial]) -> tuple[dict[str, float], str]:
    """Return the importance of each path from 0 to 1, and how it was determined.

    With scikit-learn the share of the variance of the scores' ranks that a random forest explains by it (they sum up to
    1), else the absolute rank correlation with the score (Spearman), which sees no optimum in the middle. Ranks,
    because one trial that diverged would otherwise be all of the variance. Both are rough below some tens of trials.
    """
    done = scored(trials)
    table = coordinates(job, done)
    scores = mean_ranks(np.array([trial.score for trial in done], np.float64))
    if len(done) < FEWEST or not table or np.ptp(scores) == 0:
        return {}, ""
    if importlib.util.find_spec("sklearn") is not None:
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(TREES, random_state=0).fit(np.stack(list(table.values()), axis=1), scores)
        shares = dict(zip(table, map(float, forest.feature_importances_), strict=True))
        return shares, "share of the variance, random forest"
    return {path: rank_correlation(values, scores) for path, values in table.items()}, "absolute rank correlation"


def rank_correlation(values: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return the absolute rank correlation of values (trials,) with ranks of scores (trials,), without ABSENT ones."""
    there = values != ABSENT
    ranks = mean_ranks(values[there])
    if there.sum() < FEWEST or np.ptp(ranks) == 0 or np.ptp(scores[there]) == 0:
        return 0.0
    return abs(float(np.corrcoef(ranks, scores[there])[0, 1]))


def mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks of values (N,) from 0; equal values have their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts + 1) / 2)[places], np.float64)
