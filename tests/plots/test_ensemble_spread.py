"""The spread of members against residuals: equal by construction, on the line."""

import numpy as np
import pytest

from app.plots import PLOTS
from app.plots.drawing.inputs import PlotInputs
from app.plots.ensemble_spread import ensemble_spread
from app.predictions import Predictions

ROWS = 16000
KEY = np.arange(ROWS, dtype=np.uint64)
AXES = ("direction_x", "direction_y", "direction_z")


def points(axes, which=0):
    return axes.containers[which].lines[0].get_xydata().T


def test_residuals_as_wide_as_the_spread_lie_on_the_line():
    random = np.random.default_rng(1)
    spread, true = random.uniform(1.0, 5.0, ROWS), random.uniform(-100, 100, ROWS)
    events = Predictions(KEY, {"x": true}, {"x": true + spread * random.normal(size=ROWS)}, spread={"x": spread})
    (axes,) = ensemble_spread(PlotInputs(events, units={"x": "mm"}, tasks={"state": ("x",)})).axes
    for which in (0, 1):
        x, y = points(axes, which)
        assert len(x) == 8
        assert y == pytest.approx(x, rel=0.06)


def test_directions_are_compared_in_degrees():
    random = np.random.default_rng(2)
    angle = random.uniform(0.1, 0.5, ROWS)
    true = dict(zip(AXES, [np.zeros(ROWS), np.zeros(ROWS), np.ones(ROWS)], strict=True))
    predicted = dict(zip(AXES, [np.sin(angle), np.zeros(ROWS), np.cos(angle)], strict=True))
    events = Predictions(KEY, true, predicted, spread={"direction": angle / 2})
    (axes,) = ensemble_spread(PlotInputs(events, tasks={"direction": AXES})).axes
    x, y = points(axes)
    assert y == pytest.approx(2 * x, rel=1e-6)
    assert x[0] > np.degrees(0.05)


def test_a_single_network_has_none():
    events = Predictions(KEY[:50], {"x": np.zeros(50)}, {"x": np.ones(50)})
    missing = PLOTS["ensemble_spread"].facts.needs.missing(PlotInputs(events, tasks={"state": ("x",)}))
    assert missing == ["the spread of an ensemble's members"]
