import numpy as np
import pytest

from app.plots import PLOTS, Needs
from app.plots.drawing.inputs import PlotInputs

FOUND = {
    "targets": ["theta", "phi"],
    "edges": [[0.0, 1.0, 2.0], [-1.0, 0.0, 1.0, 2.0]],
    "counts": [[10.0, 5.0, 1.0], [4.0, 0.0, 20.0]],
    "weights": [[0.5, 1.0, 5.0], [1.25, 10.0, 0.25]],
}


def drawn(axes):
    """The heights of the bars, before and after."""
    return [patch.get_data().values.tolist() for patch in axes.patches]


def test_each_axis_is_a_sum_over_the_others():
    figure = PLOTS.parse("reweighting").build(PlotInputs(weighting=[FOUND], units={"theta": "deg"}, simulated=True))
    theta, phi = figure.axes
    assert drawn(theta) == [[16.0, 24.0], [15.0, 10.0]]
    assert drawn(phi) == [[14.0, 5.0, 21.0], [10.0, 5.0, 10.0]]
    assert theta.get_xlabel().endswith("[deg]")
    assert "weights 0.25 to 5" in theta.get_legend().get_texts()[1].get_text()  # of bins that hold events


def test_needs_a_histogram():
    assert Needs(weighting=True).missing(PlotInputs()) == ["a histogram among the job's weightings"]
    assert Needs(weighting=True).missing(PlotInputs(weighting=[FOUND])) == []


@pytest.mark.parametrize("weightings", [1, 2])
def test_a_panel_for_each_axis_of_each_histogram(weightings):
    figure = PLOTS.parse("reweighting").build(PlotInputs(weighting=[FOUND] * weightings))
    assert len(figure.axes) == 2 * weightings
    assert np.isfinite([axes.get_ylim() for axes in figure.axes]).all()
