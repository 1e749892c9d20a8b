"""Wrong charges against pT: the points are the shares, and a bin without any is a limit."""

from __future__ import annotations

import numpy as np
import pytest

from app.plots import PLOTS
from app.plots.charge_misidentification import charge_misidentification
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.predictions import Predictions


def muons(target="charge", with_pt=True):
    """1,000 muons of 7 and of 70 GeV; of these 100 are wrong, of a baseline half of all."""
    pt = np.repeat([7.0, 70.0], 1000)
    charge = np.where(np.arange(2000) % 2 == 0, 1.0, -1.0)
    wrong = np.arange(2000) >= 1900
    values = {"charge": charge, "q_over_pt": charge / pt, "positive": (charge > 0) * 1.0}[target]
    other = {"charge": -values, "q_over_pt": -values, "positive": 1 - values}[target]
    baseline = np.where(np.arange(2000) % 4 < 2, values, other)
    columns = {"pt": pt} if with_pt else {}
    key = np.arange(2000, dtype=np.uint64)
    found = Predictions(
        key, {target: values}, {target: np.where(wrong, other, values)}, {"x": {target: baseline}}, columns
    )
    return PlotInputs(found, {}, "run", {}, True, "2,000 muons", tasks={"task": (target,)})


@pytest.mark.parametrize("target", ["charge", "positive", "q_over_pt"])
def test_points_are_the_shares(target):
    (axes,) = charge_misidentification(muons(target)).axes
    model, baseline = (container.lines[0].get_xydata() for container in axes.containers)
    np.testing.assert_allclose(model[:, 0], [np.sqrt(5 * 10), np.sqrt(50 * 75)])
    np.testing.assert_allclose(model[:, 1], [1.14e-3, 0.1])
    np.testing.assert_allclose(baseline[:, 1], [0.5, 0.5])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["model: 0.05", "x: 0.5"]


def test_only_the_task_with_a_charge_is_drawn(tmp_path):
    both = muons()
    pt = both.predictions.columns["pt"]
    true, predicted = ({**values, "pt": pt} for values in (both.predictions.true, both.predictions.predicted))
    events = Predictions(both.predictions.key, true, predicted)
    inputs = PlotInputs(events, {}, "run", {}, tasks={"momentum": ("pt",), "sign": ("charge",)})
    (path,) = draw(inputs, tmp_path, ["charge_misidentification"])
    assert path.name == "charge_misidentification_sign.png"


def test_what_it_needs():
    needs = PLOTS["charge_misidentification"].facts.needs
    assert needs.missing(muons()) == []
    assert needs.missing(muons(with_pt=False)) == ["the column pt"]
    other = PlotInputs(Predictions(np.arange(2, dtype=np.uint64), {"pt": np.ones(2)}, {"pt": np.ones(2)}))
    assert needs.missing(other) == ["one of the targets positive, charge, q_over_pt"]
