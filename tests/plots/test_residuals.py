import re
from dataclasses import replace

import numpy as np
import pytest

from app.plots.residuals import residuals


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_numbers_of_the_legend_are_those_of_the_residuals(inputs):
    axes = residuals(inputs).axes[0]
    delta = 1e3 * (inputs.events.predicted["x"] - inputs.events.true["x"])
    model, polynomial, line = legend(axes)
    bias, width, rms = map(float, re.findall(r"[\d.]+", model.replace("−", ""))[:3])
    assert bias == pytest.approx(abs(delta.mean()), abs=0.05)
    assert width == pytest.approx(20, rel=0.05)
    assert rms == pytest.approx(np.sqrt(np.mean(delta**2)), rel=5e-3)
    assert polynomial.startswith("polynomial: ")
    assert re.fullmatch(r"straight line \(not drawn\): 68 % half width [\d.]+ m", line)
    assert axes.get_legend().get_title().get_text() == "bias, 68 % half width, RMS [µm]"


def test_axes_carry_units_and_the_figure_says_simulation(inputs):
    figure = residuals(inputs)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "$x$ prediction $-$ truth [µm]",
        "$y$ prediction $-$ truth [µm]",
        r"$t_x$ prediction $-$ truth [$\mathrm{10^{-6}}$]",
    ]
    assert figure.axes[0].get_title(loc="left") == "mlp_tiny_v1"
    assert figure.axes[1].get_title(loc="right") == "Simulation"
    assert figure.get_suptitle() == "4,000 tracks, 2-100 GeV"
    assert not residuals(replace(inputs, simulated=False)).axes[1].get_title(loc="right")


def test_histogram_counts_every_event_inside_the_range(inputs):
    axes = residuals(inputs, bins=50).axes[0]
    values, edges, _ = axes.patches[0].get_data()
    delta = 1e3 * (inputs.events.predicted["x"] - inputs.events.true["x"])
    assert len(values) == 50
    assert values.sum() == np.count_nonzero((delta >= edges[0]) & (delta <= edges[-1])) == 4000
    assert edges[-1] - edges[0] == pytest.approx(200, rel=0.05)


def test_outliers_are_counted_and_do_not_widen_the_range(inputs):
    predicted = {name: values.copy() for name, values in inputs.events.predicted.items()}
    predicted["x"][:40] += 1e4
    axes = residuals(replace(inputs, predictions=replace(inputs.events, predicted=predicted))).axes[0]
    assert np.ptp(axes.get_xlim()) == pytest.approx(200, rel=0.1)
    assert "(1.0 % outside)" in legend(axes)[0]


def test_a_perfect_prediction_and_a_baseline_of_other_targets(inputs):
    true = inputs.events.true
    events = replace(inputs.events, predicted=true, baselines={"mean": {"x": np.zeros(4000)}})
    figure = residuals(replace(inputs, predictions=events))
    assert legend(figure.axes[0])[0] == "model: 0.00, 0.00, 0.00"
    assert len(legend(figure.axes[1])) == 1


def test_a_baseline_much_narrower_than_the_model_is_named_only(inputs):
    """Drawn, its peak would press the model's histogram flat."""
    true = inputs.events.true
    sharp = {name: values + 0.01 * (inputs.events.predicted[name] - values) for name, values in true.items()}
    axes = residuals(replace(inputs, predictions=replace(inputs.events, baselines={"polynomial": sharp}))).axes[0]
    assert re.fullmatch(r"polynomial \(not drawn\): 68 % half width 0\.\d+ µm", legend(axes)[1])
    assert len(axes.patches) == 2
