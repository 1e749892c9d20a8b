from dataclasses import replace

import numpy as np
import pytest

from app.plots.drawing.filled_bins import SmallSampleError
from app.plots.error_against_momentum import error_against_momentum


def drawn(inputs, edges=(2, 10, 100)):
    axes = error_against_momentum(inputs, momentum_bins=edges).axes[0]
    return axes, {line.get_label(): line.get_xydata() for line in axes.lines}


def test_points_are_the_mean_error_at_the_geometric_centre(inputs):
    axes, lines = drawn(inputs)
    events = inputs.events
    error = np.hypot(*(events.predicted[name] - events.true[name] for name in ("x", "y")))
    low = error[events.columns["p"] < 10].mean()
    assert set(lines) == {"model", "straight line", "polynomial"}
    assert lines["model"][0] == pytest.approx((np.sqrt(20), low))
    assert lines["model"][:, 1] == pytest.approx(0.02 * np.sqrt(np.pi / 2), rel=0.05)  # Rayleigh
    assert lines["polynomial"][:, 1] / lines["model"][:, 1] == pytest.approx(2, rel=0.05)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$p$ [GeV]", "position error [mm]")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_bands_reach_from_the_68th_to_the_95th_percentile(inputs):
    axes, _ = drawn(inputs)
    events = inputs.events
    error = np.hypot(*(events.predicted[name] - events.true[name] for name in ("x", "y")))
    corners = axes.collections[0].get_paths()[0].vertices
    expected = np.percentile(error[events.columns["p"] < 10], [68, 95])
    assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx(tuple(expected))
    assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx((2, 10))


def test_everything_lies_inside_the_frame(inputs):
    axes, lines = drawn(inputs)
    low, high = axes.get_ylim()
    assert all(low < value < high for points in lines.values() for value in points[:, 1])


def test_bins_with_few_tracks_are_left_out(inputs):
    _, lines = drawn(inputs, (0.5, 1, 2, 100))
    assert len(lines["model"]) == 1
    with pytest.raises(SmallSampleError, match="a bin needs 20 events, and there are 19 in all"):
        drawn(replace(inputs, predictions=inputs.events.select(np.arange(19))), (2, 100))


def test_few_tracks_are_in_bins_with_equally_many(inputs):
    """Of 45 tracks none of the usual bins has 20."""
    few = replace(inputs, predictions=inputs.events.select(np.arange(45)))
    assert len(drawn(few, (2, 3, 4, 5, 100))[1]["model"]) == 1
    figure = error_against_momentum(few)
    assert len(figure.axes[0].lines[0].get_xdata()) == 2
