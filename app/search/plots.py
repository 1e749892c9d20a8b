"""The plots of a search: its course, the values of the good trials, and the importance of each value."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.checks.search import direction
from app.config import Job
from app.config.derived_jobs import dimensions, search_of
from app.plots.drawing.save import save_figure
from app.plots.drawing.style import BLUE, GREY, ORANGE, RED, draw_legend, new_figure, style
from app.runs.directory import RunDirectory
from app.search.state import Trial, scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPOCHS = "tuner/epochs"
FEWEST = 5
"""Trials below which no importance is given."""
TREES = 200
ABSENT = -1.0
"""Stands for a value that a trial does not have: outside the scale from 0 to 1 of the others."""

Table = dict[str, NDArray[np.float64]]
DECADES = 1.0
"""Decades of positive scores above which their axis is logarithmic."""


def draw(job: Job, trials: Sequence[Trial], run: RunDirectory) -> list[Path]:
    """Draw the plots that the trials allow into the run's folder of plots and return their paths."""
    run.plots.mkdir(exist_ok=True)
    with style():
        figures = {"search_trials": by_trial(job, trials), "search_values": parallel(job, trials)}
        shares, what = importance(job, trials)
        if shares:
            figures["search_importance"] = importances(job, shares, what)
        paths = [run.plots / f"{name}.png" for name in figures]
        for path, figure in zip(paths, figures.values(), strict=True):
            save_figure(figure, path)
    return paths


def by_trial(job: Job, trials: Sequence[Trial]) -> Figure:
    """Draw the objective against the number of the trial, the best so far as a line, failed trials below."""
    figure = new_figure()
    axes = figure.subplots()
    done = scored(trials)
    numbers = [int(trial.id) for trial in done]
    scores = np.array([trial.score for trial in done], np.float64)
    best = (np.minimum if direction(job) == "min" else np.maximum).accumulate(scores)
    axes.plot(numbers, scores, "o", color=BLUE, label="trial")
    axes.step(numbers, best, where="post", color=ORANGE, label="best so far")
    failed = [int(trial.id) for trial in trials if trial.state == "failed"]
    if failed:
        axes.plot(failed, [0.02] * len(failed), "x", color=RED, transform=axes.get_xaxis_transform(), label="failed")
    if len(scores) and scores.min() > 0 and scores.max() / scores.min() > 10**DECADES:
        axes.set_yscale("log")
    axes.set_xlabel("trial")
    axes.set_ylabel(search_of(job).objective)
    axes.set_title(f"{job.name}: {search_of(job).tuner} search", loc="left", fontweight="bold")
    draw_legend(axes)
    return figure


def parallel(job: Job, trials: Sequence[Trial]) -> Figure:
    """Draw one line for each trial through its values, the best ones dark and on top."""
    from matplotlib import colormaps

    done = sorted(scored(trials), key=lambda t: t.score or 0.0, reverse=direction(job) == "min")  # the best last
    table = coordinates(job, done)
    figure = new_figure(max(8.0, 2.2 * (len(table) + 1)), 6.0)
    axes = figure.subplots()
    ranks = np.linspace(0.0, 1.0, len(done)) if len(done) > 1 else np.ones(1)
    colours = colormaps["viridis_r"](ranks)
    for number in range(len(done)):
        heights = [*(float(values[number]) for values in table.values()), ranks[number]]
        places = [place for place, height in enumerate(heights) if height != ABSENT]
        there = [heights[place] for place in places]
        axes.plot(places, there, color=colours[number], linewidth=1 + 2 * ranks[number], marker="o")
    names = [*table, search_of(job).objective]
    axes.set_xticks(range(len(names)), [name.replace(".", ".\n") for name in names], fontsize=10)
    axes.set_yticks([])
    axes.minorticks_off()
    for place, name in enumerate(names):
        axes.axvline(place, color=GREY, linewidth=1)
        for height, text in _labels(job, name, done):
            axes.annotate(text, (place, height), xytext=(4, 0), textcoords="offset points", fontsize=9, va="center")
    axes.set_title(f"{job.name}: the best trials are dark", loc="left", fontweight="bold")
    return figure


def _labels(job: Job, name: str, done: Sequence[Trial]) -> list[tuple[float, str]]:
    """Return heights and labels on one axis: every choice, both ends of a range, the worst and the best score."""
    if name not in search_of(job).space:
        if name != search_of(job).objective or not done:
            return []
        return [(0.0, f"{done[0].score:.3g}"), (1.0, f"{done[-1].score:.3g}")]
    dimension = search_of(job).space[name]
    labels = [_short(value) for value in dimension.corners]
    return list(zip(np.linspace(0.0, 1.0, len(labels)) if len(labels) > 1 else [0.0], labels, strict=True))


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return _short(" ".join(map(str, value.values())))
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 18 else text[:17] + "…"


def importances(job: Job, shares: dict[str, float], what: str) -> Figure:
    """Draw the importance of each searched value."""
    figure = new_figure(8.0, max(3.0, 1.2 + 0.6 * len(shares)))
    axes: Axes = figure.subplots()
    ordered = sorted(shares.items(), key=lambda pair: pair[1])
    axes.barh([name for name, _ in ordered], [share for _, share in ordered], color=BLUE)
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_xlabel(what)
    axes.set_title(f"{job.name}: importance for {search_of(job).objective}", loc="left", fontweight="bold")
    return figure


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
