"""Samples too small for a plot: other bins where they help, a reason where nothing does, and room for the legend."""

import logging
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.plots.calibration import calibration
from app.plots.drawing.draw import draw
from app.plots.drawing.filled_bins import SmallSampleError, edges_with, equal_bins
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import size_histogram
from app.plots.drawing.style import RC, Curve, make_room, new_figure
from app.plots.ensemble_spread import ensemble_spread
from app.plots.loss_curves import loss_curves
from app.plots.resolution import resolution
from app.plots.roc import roc_figure
from app.predictions import Predictions


def test_bins_hold_equally_many_and_enough():
    cuts = equal_bins(np.arange(35.0), 8, 10)
    assert [int(cut.sum()) for cut in cuts] == [12, 11, 12]
    with pytest.raises(SmallSampleError, match="a bin needs 10 events, and there is 1 in all"):
        equal_bins(np.ones(1), 8, 10)


def test_the_usual_edges_stay_where_one_bin_is_filled():
    values = np.concatenate([np.full(20, 1.5), np.linspace(10, 90, 9)])
    assert edges_with(values, (1, 2, 100), 20) == (1, 2, 100)
    assert edges_with(np.linspace(1, 41, 41), (1, 2, 3), 20) == (1.0, 21.0, 41.0)
    with pytest.raises(SmallSampleError, match="there are 30 in all"):
        edges_with(np.full(30, 500.0), (1, 2, 3), 20)


def test_what_would_be_empty_is_left_out_with_the_reason(inputs, tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(RC, "savefig.dpi", 30)
    few = inputs.events.select(np.arange(3))
    few = replace(inputs, predictions=replace(few, spread={"x": np.ones(3)}))
    with caplog.at_level(logging.DEBUG, logger="app.plots.drawing.draw"):
        assert draw(few, tmp_path, ["error_against_momentum", "ensemble_spread"]) == []
    left = [record.message for record in caplog.records if record.levelno == logging.INFO]
    assert left == [
        "plot error_against_momentum left out: a bin needs 20 events, and there are 3 in all",
        "plot ensemble_spread_state left out: a bin needs 10 events, and there are 3 in all",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spread", [0.0, 1e-12, 3.0])
def test_the_axes_of_a_spread_have_readable_numbers(spread):
    true = np.linspace(-1, 1, 30)
    events = Predictions(
        np.arange(30, dtype=np.uint64), {"x": true}, {"x": true + 2.0}, spread={"x": np.full(30, spread)}
    )
    (axes,) = ensemble_spread(PlotInputs(events, units={"x": "mm"}, tasks={"state": ("x",)})).axes
    assert axes.get_xlim()[1] == pytest.approx(1.05 * spread or 1.05, rel=1e-6)
    assert axes.get_ylabel() == "residual of $x$ [mm]"


def test_an_opening_angle_ends_at_180_degrees():
    axes = new_figure().subplots()
    curve = Curve("model", "blue", "-", "o", is_model=True)
    size_histogram(axes, {curve: np.array([100.0, 150.0])}, "deg", "opening angle", 10)
    assert axes.get_xlim() == (0, 180)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_legend_lies_over_no_curve(scale):
    axes = new_figure().subplots()
    for number in range(4):
        axes.plot([1, 2, 3], [100, 100, 100 - number], label=f"line {number}")
    axes.set_yscale(scale)
    make_room(axes, columns=2)
    axes.legend(loc="upper right", ncols=2)
    assert is_free(axes)


def is_free(axes):
    """Whether no point of a line lies below the legend."""
    axes.figure.draw_without_rendering()
    box = axes.get_legend().get_window_extent()
    points = [axes.transData.transform(line.get_xydata()) for line in axes.lines]
    ends = [np.linspace(a, b, 50) for line in points for a, b in pairwise(line)]
    return not box.count_contains(np.concatenate(ends))


def test_a_loss_that_rises_stays_clear_of_the_legend(history):
    terms = {"a_loss": 1.0, "b_loss": 2.0}
    rows = [{"epoch": e, "loss": 3.0 + e, "lr": 1e-3, **terms} for e in (1, 2, 3)]
    losses, below = loss_curves(PlotInputs(history={"train": rows, "val": rows, "best_epoch": 3})).axes
    assert is_free(losses)
    assert all(float(tick).is_integer() for tick in below.get_xticks())


@pytest.fixture
def species():
    """Thirty pions, kaons and protons, each predicted with some probability."""
    random = np.random.default_rng(3)
    true, p = np.arange(30) % 3.0, random.dirichlet([1, 1, 1], 30)
    probability = {f"kind_{k}": p[:, k] for k in range(3)}
    events = Predictions(
        np.arange(30, dtype=np.uint64), {"kind": true}, {"kind": p.argmax(1) * 1.0}, probability=probability
    )
    return PlotInputs(events, tasks={"kind": ("kind",)}, class_names={"kind": ("pion", "kaon", "proton")})


def legend(axes):
    return [text.get_text().partition(":")[0] for text in axes.get_legend().get_texts()]


def test_classes_are_called_by_their_names(species):
    matrix, curves = resolution(species).axes[:2]
    assert [label.get_text() for label in matrix.get_xticklabels()] == ["pion", "kaon", "proton"]
    assert [label.get_text() for label in matrix.get_yticklabels()] == ["pion", "kaon", "proton"]
    assert legend(curves) == ["pion", "kaon", "proton"]
    named = ["kind = pion", "kind = kaon", "kind = proton"]
    assert legend(roc_figure(species).axes[0]) == legend(calibration(species).axes[0]) == named


def test_classes_without_names_are_numbers(species):
    numbered = replace(species, class_names={"kind": ("pion",)})
    assert legend(roc_figure(numbered).axes[0]) == ["kind = pion", "kind = 1", "kind = 2"]
    assert legend(resolution(replace(species, class_names={})).axes[1]) == ["class 0", "class 1", "class 2"]
