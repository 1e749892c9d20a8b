"""Opening angles: medians, 68 % and exchanged ends are those of the metric `pointing`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.metrics.direction import COMPONENTS
from app.metrics.pointing import pointing
from app.plots import PLOTS
from app.plots.drawing.inputs import PlotInputs
from app.plots.opening_angle import opening_angle_figure
from app.predictions import Predictions

ROWS = 3000


@pytest.fixture(scope="module")
def electrons():
    random = np.random.default_rng(5)
    true = random.normal(size=(ROWS, 3))
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    energy = random.uniform(0.005, 0.07, ROWS)
    found = true + 0.01 / energy[:, None] * random.normal(size=(ROWS, 3))
    found[random.uniform(0, 1, ROWS) < 0.002 / energy] *= -1
    named = (dict(zip(COMPONENTS, values.T, strict=True)) for values in (true, found, np.eye(3)[[2] * ROWS]))
    true, found, fixed = named
    events = Predictions(np.arange(ROWS, dtype=np.uint64), true, found, {"isotropic": fixed}, {"energy": energy})
    return PlotInputs(events, title="run", units={"energy": "GeV"}, tasks={"direction": COMPONENTS})


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_figures_are_those_of_the_metric(electrons):
    spread, by_energy, ends = opening_angle_figure(electrons).axes
    found, guess = pointing(electrons.events), pointing(electrons.events.of_baseline("isotropic"))
    assert legend(spread) == [
        f"model: {found['angle_median_deg']:.1f}, {found['angle_68_deg']:.1f}",
        f"isotropic: {guess['angle_median_deg']:.1f}, {guess['angle_68_deg']:.1f}",
        "isotropic guesses: 90.0, 111.1",
    ]
    bins = [one for one in found["bins"] if one["rows"] >= 20]
    median, wide, *_ = (container.lines[0].get_xydata() for container in by_energy.containers)
    assert median[:, 1].tolist() == pytest.approx([one["angle_median_deg"] for one in bins])
    assert wide[:, 1].tolist() == pytest.approx([one["angle_68_deg"] for one in bins])
    assert median[:, 0].tolist() == pytest.approx([500 * (one["low"] + one["high"]) for one in bins])
    line, _, bars = ends.containers[0].lines
    share = np.array([one["head_tail_fraction"] for one in bins])
    assert line.get_ydata().tolist() == pytest.approx(share)
    error = [np.ptp(segment[:, 1]) / 2 for segment in bars[1].get_segments()]
    assert error == pytest.approx(np.sqrt(share * (1 - share) / [one["rows"] for one in bins]))
    assert legend(ends)[0] == f"model: {found['head_tail_fraction']:.3f}"


def test_isotropic_guesses_follow_the_sine(electrons):
    axes = opening_angle_figure(electrons, bins=18).axes[0]
    guess = axes.patches[-1].get_data().values
    middle = np.radians(np.linspace(5, 175, 18))
    assert guess.sum() == pytest.approx(ROWS)
    assert guess / ROWS == pytest.approx(np.sin(middle) / 2 * np.radians(10), rel=2e-3)


def test_sharp_directions_get_an_axis_of_their_own_and_without_energy_there_is_one_panel(electrons):
    true = electrons.events.true
    sharp = replace(electrons.events, predicted={n: v + 0.01 for n, v in true.items()}, columns={})
    (axes,) = opening_angle_figure(replace(electrons, predictions=sharp)).axes
    assert axes.get_xlim() == (0, 30)


def test_it_needs_a_direction(inputs, electrons):
    needs = PLOTS["opening_angle"].facts.needs
    assert needs.missing(inputs) == ["the components of a direction"]
    assert needs.missing(electrons) == []
