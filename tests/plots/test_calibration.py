"""Calibration: uncertainties that are right lie on the line, by construction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from app.plots import PLOTS
from app.plots.calibration import calibration, mean_cosine, wilson
from app.plots.drawing.filled_bins import SmallSampleError
from app.plots.drawing.inputs import PlotInputs
from app.predictions import Predictions

ROWS = 20000
AXES = ("direction_x", "direction_y", "direction_z")
KEY = np.arange(ROWS, dtype=np.uint64)


def points(axes, which=0):
    """x, y and the ends of the bars (N, 2)."""
    line, _, (bars,) = axes.containers[which].lines
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    return *line.get_xydata().T, ends


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def classes(p, true):
    events = Predictions(KEY, {"is_es": true}, {"is_es": np.round(p)}, probability={"is_es_0": 1 - p, "is_es_1": p})
    return PlotInputs(events, tasks={"channel": ("is_es",)})


def test_probabilities_that_are_true_lie_on_the_diagonal():
    random = np.random.default_rng(0)
    p = random.uniform(0, 1, ROWS)
    true = (random.uniform(0, 1, ROWS) < p).astype(float)
    (axes,) = calibration(classes(p, true)).axes
    x, y, ends = points(axes)
    assert len(x) == 10
    assert x == pytest.approx(np.linspace(0.05, 0.95, 10), abs=0.01)
    assert np.abs(y - x).max() < 0.035  # three standard deviations of a share among 2,000
    assert np.mean((ends[:, 0] < x) & (x < ends[:, 1])) >= 0.4
    assert float(legend(axes)[0].split(": ")[1]) < 0.02


def test_probabilities_that_are_too_sure_do_not():
    random = np.random.default_rng(0)
    p = random.choice([0.1, 0.9], ROWS)
    true = (random.uniform(0, 1, ROWS) < 0.5 + (p - 0.5) / 2).astype(float)
    (axes,) = calibration(classes(p, true)).axes
    x, y, _ = points(axes)
    assert x == pytest.approx([0.1, 0.9])
    assert y == pytest.approx([0.3, 0.7], abs=0.02)
    assert float(legend(axes)[0].split(": ")[1]) == pytest.approx(0.2, abs=0.01)


def test_the_range_of_a_share_is_wilsons():
    for right, number in ((0, 30), (7, 20), (20, 20), (500, 1000)):
        wanted = stats.binomtest(right, number).proportion_ci(2 * stats.norm.cdf(1) - 1, "wilson")
        assert wilson(right, number) == pytest.approx((wanted.low, wanted.high))


def test_the_mean_cosine_of_the_distribution_of_von_mises_and_fisher():
    kappa = np.array([0.0, 1e-3, 0.0099, 0.0101, 1.0, 20.0, 1e4])
    wanted = [0, 1e-3 / 3, 0.0099 / 3, 0.0101 / 3, 1 / np.tanh(1) - 1, 0.95, 1 - 1e-4]
    assert mean_cosine(kappa) == pytest.approx(wanted, rel=2e-5)


def directions(scale=1.0):
    """Directions drawn from the distribution with their own kappa, `scale` times of which is said."""
    random = np.random.default_rng(3)
    kappa = np.exp(random.uniform(np.log(0.2), np.log(30), ROWS))
    u, phi = random.uniform(0, 1, ROWS), random.uniform(0, 2 * np.pi, ROWS)
    cosine = 1 + np.log(u + (1 - u) * np.exp(-2 * kappa)) / kappa
    sine = np.sqrt(1 - cosine**2)
    zero, one = np.zeros(ROWS), np.ones(ROWS)
    true = dict(zip(AXES, (sine * np.cos(phi), sine * np.sin(phi), cosine), strict=True))
    predicted = dict(zip(AXES, (zero, zero, one), strict=True))
    known = {"direction": scale * kappa, "other": one}
    return PlotInputs(Predictions(KEY, true, predicted, concentration=known), tasks={"direction": AXES})


def test_concentrations_that_are_true_give_the_mean_cosine():
    (axes,) = calibration(directions(), bins=8).axes
    x, y, _ = points(axes)
    assert len(x) == 8
    assert y == pytest.approx(x, abs=0.035)
    assert (x.min(), x.max()) == (pytest.approx(0.09, abs=0.03), pytest.approx(0.95, abs=0.03))
    x, y, _ = points(calibration(directions(3.0)).axes[0])
    assert (y < x).all()


def test_of_few_events_there_are_few_bins():
    p = np.linspace(0, 1, 35)
    events = classes(np.resize(p, ROWS), np.resize((p > 0.5) * 1.0, ROWS)).events.select(np.arange(35))
    (axes,) = calibration(PlotInputs(events, tasks={"channel": ("is_es",)})).axes
    assert len(points(axes)[0]) == 3
    none = PlotInputs(events.select(np.arange(5)), tasks={"channel": ("is_es",)})
    with pytest.raises(SmallSampleError, match="a bin needs 10 events, and there are 5 in all"):
        calibration(none)


def test_pulls_have_width_one_where_sigma_is_right():
    random = np.random.default_rng(4)
    sigma = np.exp(random.uniform(np.log(1e-3), np.log(1e-2), ROWS))
    true = random.uniform(0.01, 0.05, ROWS)
    for factor in (1.0, 2.0):
        predicted = true + factor * sigma * random.normal(0, 1, ROWS)
        events = Predictions(KEY, {"energy": true}, {"energy": predicted}, sigma={"energy": sigma})
        inputs = PlotInputs(events, units={"energy": "GeV"}, tasks={"energy": ("energy",)})
        (axes,) = calibration(inputs).axes
        x, y, _ = points(axes)
        assert y == pytest.approx(np.full(10, factor), abs=0.06 * factor)
        assert (x.min(), x.max()) == (pytest.approx(1.12, abs=0.05), pytest.approx(8.9, abs=0.2))
        assert axes.get_xlabel() == r"predicted $\sigma$ of $E$ [MeV]"
        assert float(legend(axes)[0].split(": ")[1]) == pytest.approx(factor, abs=0.03 * factor)


def test_without_an_uncertainty_there_is_nothing_to_draw(inputs):
    needs = PLOTS["calibration"].facts.needs
    assert needs.missing(inputs) == ["predicted uncertainties"]
    named = classes(np.round(np.linspace(0, 1, ROWS)), (KEY % 2).astype(float))
    named = PlotInputs(Predictions(KEY, named.events.true, named.events.predicted), tasks=named.tasks)
    assert needs.missing(named) == ["predicted uncertainties"]
    assert needs.missing(directions()) == []
