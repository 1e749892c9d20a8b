from dataclasses import replace

import numpy as np
import pytest

from app.plots.truth_prediction import truth_prediction


def test_density_counts_the_events_on_the_diagonal(inputs):
    main, strip = truth_prediction(inputs, bins=40).axes[:2]
    counts = main.collections[0].get_array().filled(0).reshape(40, 40)
    true = 1e-3 * inputs.events.true["x"]
    low, high = main.get_xlim()
    assert main.get_xlim() == main.get_ylim()
    assert counts.sum() == pytest.approx(np.count_nonzero((true > low) & (true < high)), abs=1)
    assert np.trace(counts) > 0.99 * counts.sum()
    assert main.get_ylabel() == "$x$ prediction [m]"
    assert strip.get_xlabel() == "$x$ truth [m]"
    assert strip.get_ylabel() == "residual [µm]"


def test_rows_are_predictions_and_columns_truth(inputs):
    """A model that always says 0 fills one row of the picture."""
    events = replace(inputs.events, predicted={name: np.zeros(4000) for name in inputs.events.true})
    main = truth_prediction(replace(inputs, predictions=events), bins=41).axes[0]
    counts = main.collections[0].get_array().filled(0).reshape(41, 41)
    assert np.count_nonzero(counts.sum(axis=1)) == 1
    assert np.count_nonzero(counts.sum(axis=0)) > 20


def test_strip_shows_the_bias_by_truth(inputs):
    """A prediction 1 % too large has a residual that rises as 0.01 x."""
    events = replace(inputs.events, predicted={name: 1.01 * values for name, values in inputs.events.true.items()})
    strip = truth_prediction(replace(inputs, predictions=events)).axes[1]
    centre, median = strip.containers[0].lines[0].get_xydata().T
    np.testing.assert_allclose(median, 10 * centre, atol=1.5)  # mm against m, half a bin wide
    assert strip.get_ylabel() == "residual [mm]"


def test_a_far_event_does_not_squeeze_the_others(inputs):
    true = {name: values.copy() for name, values in inputs.events.true.items()}
    true["x"][0] = 1e9
    main = truth_prediction(replace(inputs, predictions=replace(inputs.events, true=true))).axes[0]
    assert main.get_xlim()[1] < 4  # m


def test_one_target_and_one_row(inputs):
    one = inputs.events.only(["tx"]).select(np.arange(1))
    figure = truth_prediction(replace(inputs, predictions=one))
    assert len(figure.axes) == 2  # panel, strip, and no colour scale of a single event


@pytest.mark.parametrize("rows", [1, 3, 10, 30])
def test_few_events_are_points_with_their_residuals(inputs, rows):
    few = inputs.events.select(np.arange(rows))
    main, strip = truth_prediction(replace(inputs, predictions=few)).axes[:2]
    x, y = main.lines[0].get_xydata().T
    np.testing.assert_allclose(x, 1e-3 * few.true["x"])
    np.testing.assert_allclose(y, 1e-3 * few.predicted["x"])
    assert main.get_xlim()[0] < min(*x, *y)
    assert max(*x, *y) < main.get_xlim()[1]
    truth, residual = strip.lines[1].get_xydata().T
    np.testing.assert_allclose(truth, x)
    assert strip.get_ylabel() == "residual [µm]"
    np.testing.assert_allclose(residual, 1e3 * (few.predicted["x"] - few.true["x"]))
    assert not main.collections
