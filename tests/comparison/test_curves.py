"""Figures of several runs: their colours and legends, and accuracy against speed."""

import json

import pytest

from app.cli import main
from app.comparison.compared_run import RungeKutta
from app.comparison.curves import PALEST, BenchmarkedRun, add_legend, choose_styles, speed_and_accuracy
from app.plots.drawing.style import new_figure

BLUE, ORANGE = (0.0, 0x72 / 255, 0xB2 / 255), (0xE6 / 255, 0x9F / 255, 0.0)
RUNS = [
    BenchmarkedRun("tiny", "mlp", 2e6, 0.1),
    BenchmarkedRun("wide", "mlp", 1e5, 0.05),
    BenchmarkedRun("p", "pinn", 1e6, 0.08),
]
RK4 = [RungeKutta("rk4_cpp_1_thread", 5, 0.0138, 0.04, 5e7), RungeKutta("rk4_cpp_1_thread", 10, 0.001, 0.003, 2e7)]


def test_runs_of_a_model_go_from_pale_to_its_full_colour():
    styles = choose_styles({"tiny": "mlp", "p": "pinn", "small": "mlp", "wide": "mlp"})
    assert styles["wide"].colour == pytest.approx(BLUE)
    assert styles["tiny"].colour == pytest.approx([1 - PALEST * (1 - part) for part in BLUE])
    assert styles["p"].colour == pytest.approx(ORANGE)
    assert len({style.marker for name, style in styles.items() if name != "p"}) == 3


def test_five_models_differ_in_colour_and_marker():
    styles = choose_styles({name: name for name in "abcde"}).values()
    assert len({style.colour for style in styles}) == len({style.marker for style in styles}) == 5


@pytest.mark.parametrize(("lines", "next_to_axes"), [(3, False), (12, True)])
def test_a_long_legend_is_placed_next_to_the_axes(lines, next_to_axes):
    figure = new_figure()
    axes = figure.subplots()
    for number in range(lines):
        axes.plot([0, 1], [number, number], label=f"run {number}")
    add_legend(axes)
    figure.draw_without_rendering()
    right = axes.get_legend().get_window_extent().x1
    assert (axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1) == next_to_axes
    assert right <= figure.bbox.width


def test_runs_are_points_and_runge_kutta_is_a_line():
    (axes,) = speed_and_accuracy(RUNS, RK4, "pos_mean_mm", "lower").axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines["tiny"] == [[2e6, 0.1]]
    assert lines["wide"] == [[1e5, 0.05]]
    assert lines["p"] == [[1e6, 0.08]]
    assert lines["Runge-Kutta, 4th order"] == [[5e7, 0.0138], [2e7, 0.001]]
    assert [text.get_text() for text in axes.texts] == ["5 steps", "10 steps"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_negative_metric_has_no_logarithm():
    runs = [BenchmarkedRun("one", "mlp", 1e3, -1.0), BenchmarkedRun("other", "mlp", 1e5, 50.0)]
    (axes,) = speed_and_accuracy(runs, [], "bias", "lower").axes
    assert axes.get_yscale() == "linear"
    assert [line.get_label() for line in axes.lines] == ["one", "other"]


@pytest.mark.parametrize("benchmarked", [1, 2])
def test_speed_is_drawn_when_two_runs_were_benchmarked(made_run, tmp_path, benchmarked):
    for name in ("one", "other")[:benchmarked]:
        content = {"batch_sizes": {"1": {"throughput_cpu": 1e3}}}
        (made_run(name) / "benchmark.json").write_text(json.dumps(content))
    if benchmarked == 1:
        made_run("other")
    assert main(["compare", "one", "other", "--draws", "5", "--output-dir", str(tmp_path / "plots")]) == 0
    assert (tmp_path / "plots" / "accuracy_speed_state.png").exists() == (benchmarked == 2)
