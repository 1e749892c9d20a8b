"""Accuracy against speed of the benchmarked runs of a leaderboard, one picture for each data set."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from app.comparison.speed_accuracy import Point, speed_and_accuracy
from app.comparison.throughput import runge_kutta
from app.plots.drawing.style import style
from app.report.section import Section

MOST = 24
"""Runs in one picture, the best: more have no room in its legend."""


def speed_picture(done: Sequence[Section], metric: str, better: str) -> str:
    """Return the picture as a data address, "" where fewer than two points would be in it.

    Args:
        done: finished runs on the same data, the best first.
        metric: the leading figure.
        better: "lower" or "higher".
    """
    points = [point for one in done if (point := _point(one, metric))][:MOST]
    front = runge_kutta(one.benchmark for one in done) if metric == "pos_mean_mm" else []
    if not points or len(points) + len(front) < 2:
        return ""
    written = io.BytesIO()
    figure = speed_and_accuracy(points, front, metric, better)
    with style():
        figure.savefig(written, format="png", dpi=100)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def _point(one: Section, metric: str) -> Point | None:
    value, throughput = one.record.figure(metric), one.throughput
    if value is None or not throughput:
        return None
    return Point(one.record.run, str(one.job.get("model", {}).get("name", "?")), throughput, value)
