"""The plots of a search: its course, the values of the good trials, and the importance of each value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.checks.search_objective import direction
from app.config import Job
from app.config.derived_jobs import search_of
from app.core.files import write_bytes
from app.plots.drawing.style import BLUE, GREY, ORANGE, RED, new_figure, style
from app.runs.directory import RunDirectory
from app.search.importance import ABSENT, coordinates, importance
from app.search.state import Trial, scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECADES = 1.0
"""Decades of positive scores above which their axis is logarithmic."""


def draw(job: Job, trials: Sequence[Trial], run: RunDirectory) -> list[Path]:
    """Draw the plots that the trials allow into the run's folder of plots and return their paths."""
    run.plots.mkdir(exist_ok=True)
    with style():
        made = {"search_trials": by_trial(job, trials), "search_values": parallel(job, trials)}
        shares, what = importance(job, trials)
        if shares:
            made["search_importance"] = importances(job, shares, what)
        paths = [run.plots / f"{name}.png" for name in made]
        for path, figure in zip(paths, made.values(), strict=True):
            write_bytes(path, lambda file, figure=figure: figure.savefig(file, format="png"))  # type: ignore[misc]
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
    axes.legend()
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
