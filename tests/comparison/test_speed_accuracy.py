"""Accuracy against speed: what is drawn of benchmarked runs."""

from __future__ import annotations

import json

import pytest

from app.cli import main
from app.comparison.speed_accuracy import Point, speed_and_accuracy
from app.comparison.throughput import RungeKutta

POINTS = [Point("tiny", "mlp", 2e6, 0.1), Point("wide", "mlp", 1e5, 0.05), Point("p", "pinn", 1e6, 0.08)]
FRONT = [RungeKutta("rk4_cpp_1_thread", 5, 0.0138, 0.04, 5e7), RungeKutta("rk4_cpp_1_thread", 10, 0.001, 0.003, 2e7)]


def test_runs_as_points_and_runge_kutta_as_a_line():
    (axes,) = speed_and_accuracy(POINTS, FRONT, "pos_mean_mm", "lower").axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines["tiny"] == [[2e6, 0.1]]
    assert lines["wide"] == [[1e5, 0.05]]
    assert lines["p"] == [[1e6, 0.08]]
    assert lines["Runge-Kutta, 4th order"] == [[5e7, 0.0138], [2e7, 0.001]]
    assert [text.get_text() for text in axes.texts] == ["5 steps", "10 steps"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_negative_figure_has_no_logarithm():
    points = [Point("one", "mlp", 1e3, -1.0), Point("other", "mlp", 1e5, 50.0)]
    (axes,) = speed_and_accuracy(points, [], "bias", "lower").axes
    assert axes.get_yscale() == "linear"
    assert [line.get_label() for line in axes.lines] == ["one", "other"]


@pytest.mark.parametrize("benchmarked", [1, 2])
def test_drawn_when_two_runs_were_benchmarked(made_run, tmp_path, benchmarked):
    for name in ("one", "other")[:benchmarked]:
        content = {"batch_sizes": {"1": {"throughput_cpu": 1e3}}}
        (made_run(name) / "benchmark.json").write_text(json.dumps(content))
    if benchmarked == 1:
        made_run("other")
    assert main(["compare", "one", "other", "--draws", "5", "--output-dir", str(tmp_path / "plots")]) == 0
    assert (tmp_path / "plots" / "accuracy_speed_state.png").exists() == (benchmarked == 2)
