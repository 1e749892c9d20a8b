"""ROC curves beside the charge: the numbers in the figure are those of the metric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.metrics.classification import classification
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.plots.roc import roc_figure
from app.predictions import Predictions

ROWS = 3000


@pytest.fixture(scope="module")
def electrons():
    """Scatters and charged currents of other energies; the model knows the charge and something more."""
    random = np.random.default_rng(2)
    true = random.integers(0, 2, ROWS).astype(float)
    energy = np.where(true == 1, random.uniform(0.005, 0.04, ROWS), random.uniform(0.008, 0.06, ROWS))
    charge = 1e5 * energy * np.exp(random.normal(0, 0.2, ROWS))
    p = 1 / (1 + np.exp(np.log(charge / 2e3) - 2 * true + 1))
    events = Predictions(
        np.arange(ROWS, dtype=np.uint64), {"is_es": true}, {"is_es": np.round(p)},
        {"charge_cut": {"is_es": (charge < 1800).astype(float)}, "most_frequent": {"is_es": np.zeros(ROWS)}},
        {"energy": energy, "charge_total": charge}, {}, {"is_es_0": 1 - p, "is_es_1": p},
    )  # fmt: skip
    return PlotInputs(events, title="run", units={"energy": "GeV"}, tasks={"channel": ("is_es",)})


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_the_areas_are_those_of_the_metric(electrons):
    curve, by_energy = roc_figure(electrons).axes
    found = classification(electrons.events)
    assert legend(curve) == [
        f"is_es = 1: {found['auc']:.3f}", f"total charge: {found['auc_charge']:.3f}", "charge cut", "most frequent",
    ]  # fmt: skip
    assert found["auc"] > found["auc_charge"] > 0.6
    model, charge = (container.lines[0].get_xydata() for container in by_energy.containers)
    both = [one for one in found["bins"] if "auc" in one]  # at high energy there are charged currents only
    assert len(both) == 5
    assert model[:, 1].tolist() == pytest.approx([one["auc"] for one in both])
    assert charge[:, 1].tolist() == pytest.approx([one["auc_charge"] for one in both])
    assert model[0, 0] == pytest.approx(500 * (found["bins"][0]["low"] + found["bins"][0]["high"]))
    assert by_energy.get_xlabel() == "true $E$ [MeV]"


def test_a_baseline_that_decides_is_a_point(electrons):
    curve = roc_figure(electrons).axes[0]
    true, named = electrons.events.true["is_es"], electrons.events.baselines["charge_cut"]["is_es"]
    point = next(line for line in curve.lines if line.get_label() == "charge cut").get_xydata()
    assert point[0].tolist() == pytest.approx([named[true == 0].mean(), named[true == 1].mean()])
    constant = next(line for line in curve.lines if line.get_label() == "most frequent").get_xydata()
    assert constant[0].tolist() == [0, 0]


def test_energy_bins_and_what_is_not_known(electrons):
    axes = roc_figure(electrons, energy_bins=(0.005, 0.02, 0.06)).axes[1]
    assert axes.containers[0].lines[0].get_xdata().tolist() == pytest.approx([12.5, 40])
    unknown = replace(electrons, predictions=replace(electrons.events, columns={}))
    (curve,) = roc_figure(unknown).axes
    assert [text.split(":")[0] for text in legend(curve)] == ["is_es = 1", "charge cut", "most frequent"]


@pytest.mark.slow
def test_of_more_classes_each_has_a_curve_and_of_numbers_there_is_none(electrons, tmp_path, caplog):
    random = np.random.default_rng(1)
    true = random.integers(0, 3, 500)
    p = random.dirichlet(np.ones(3), 500) + np.eye(3)[true]
    p /= p.sum(axis=1, keepdims=True)
    probability = {f"n_{k}": p[:, k] for k in range(3)}
    key = np.arange(500, dtype=np.uint64)
    three = Predictions(key, {"n": true * 1.0}, {"n": p.argmax(1) * 1.0}, probability=probability)
    (curve,) = roc_figure(PlotInputs(three, tasks={"n": ("n",)})).axes
    assert [text.split(":")[0] for text in legend(curve)] == ["n = 0", "n = 1", "n = 2"]
    number = Predictions(key, {"energy": true + 0.5}, {"energy": true + 0.7})
    caplog.set_level("INFO")
    assert draw(PlotInputs(number, tasks={"energy": ("energy",)}), tmp_path, ["roc"]) == []
    assert "plot roc_energy left out: it needs a target that is a class" in caplog.text
    caplog.clear()
    draw(PlotInputs(number, tasks={"energy": ("energy",)}), tmp_path, formats=("png",))
    assert "roc" not in caplog.text  # most runs have no classes
    assert [file.name for file in draw(electrons, tmp_path, ["roc"])] == ["roc_channel.png"]
