import json
import math

import numpy as np
import pytest

from app.core.errors import UserError, WirechamberError
from app.metrics import METRICS, MetricFacts
from app.metrics.track_residuals import residual_summary, track_residuals
from app.predictions import Predictions

TARGETS = ("x", "y", "tx", "ty")


def predictions(delta, p=None):
    rows = len(delta["x"])
    true = {name: np.linspace(-1, 2, rows) * (100 if name in "xy" else 0.1) for name in delta}
    columns = {} if p is None else {"p": np.asarray(p, float)}
    predicted = {name: true[name] + np.asarray(values) for name, values in delta.items()}
    return Predictions(np.arange(rows, dtype=np.uint64), true, predicted, {}, columns)


def test_values_computed_by_hand():
    delta = {"x": [3, -6, 0, 0], "y": [4, 8, 0, -1], "tx": [0.3, 0, 0, -0.1], "ty": [0.4, 0, 0, 0]}
    found = track_residuals(predictions(delta))
    assert found["pos_mean_mm"] == pytest.approx((5 + 10 + 0 + 1) / 4)
    assert found["pos_std_mm"] == pytest.approx(math.sqrt((1 + 36 + 16 + 9) / 4))
    assert found["pos_median_mm"] == pytest.approx(3)
    assert found["x_mean_mm"] == pytest.approx(9 / 4)
    assert found["y_mean_mm"] == pytest.approx(13 / 4)
    assert found["x_bias_mm"] == pytest.approx(-3 / 4)
    assert found["y_bias_mm"] == pytest.approx(11 / 4)
    assert found["slope_mean"] == pytest.approx((0.5 + 0.1) / 4)
    assert found["tx_mean"] == pytest.approx(0.1)
    assert found["tx_bias"] == pytest.approx(0.05)
    assert found["ty_mean"] == found["ty_bias"] == pytest.approx(0.1)
    assert found["rows"] == 4
    assert found["bins"] == []


def test_percentiles_of_a_two_dimensional_gaussian():
    """The distance of a round Gaussian is Rayleigh-distributed: quantile q at sigma sqrt(-2 ln(1 - q))."""
    random = np.random.default_rng(1)
    found = track_residuals(predictions({"x": random.normal(0, 2, 200_000), "y": random.normal(0, 2, 200_000)}))
    for key, q in (("pos_median_mm", 0.5), ("pos_68_mm", 0.68), ("pos_95_mm", 0.95), ("pos_99_mm", 0.99)):
        assert found[key] == pytest.approx(2 * math.sqrt(-2 * math.log(1 - q)), rel=0.01)
    assert found["pos_mean_mm"] == pytest.approx(2 * math.sqrt(math.pi / 2), rel=0.01)


def test_bins_hold_their_lower_edge_and_the_last_one_both():
    delta = {"x": [1, 2, 4, 8, 16], "y": [0, 0, 0, 0, 0]}
    found = track_residuals(predictions(delta, p=[1, 1.99, 2, 100, 101]))
    assert [(b["low"], b["high"], b["rows"], b["pos_mean_mm"]) for b in found["bins"]] == [
        (1, 2, 2, pytest.approx(1.5)),
        (2, 5, 1, pytest.approx(4)),
        (50, 100, 1, pytest.approx(8)),
    ]
    assert set(found["bins"][0]) == set(found) - {"bins"} | {"low", "high"}


def test_keys_are_the_documented_ones():
    found = track_residuals(predictions({name: [1.0] for name in TARGETS}, p=[3]))
    assert set(found) == {
        "pos_mean_mm", "pos_std_mm", "pos_median_mm", "pos_68_mm", "pos_95_mm", "pos_99_mm", "x_mean_mm", "y_mean_mm",
        "x_bias_mm", "y_bias_mm", "slope_mean", "tx_mean", "ty_mean", "tx_bias", "ty_bias", "rows", "bins",
    }  # fmt: skip
    json.dumps(found, allow_nan=False)
    assert METRICS["track_residuals"].facts == MetricFacts(primary="pos_mean_mm", better="lower", binned_in="p [GeV]")


def test_slopes_are_left_out_when_they_are_not_predicted():
    found = residual_summary({"x": np.zeros(2), "y": np.zeros(2)}, {"x": np.ones(2), "y": np.ones(2)})
    assert found["pos_mean_mm"] == pytest.approx(math.sqrt(2))
    assert "slope_mean" not in found


def test_float32_predictions_are_subtracted_in_float64():
    true = {"x": np.array([1000.0001]), "y": np.array([0.0])}
    found = residual_summary(true, {"x": np.array([1000.0], np.float32), "y": np.zeros(1, np.float32)})
    assert found["x_mean_mm"] == pytest.approx(1e-4, rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_an_error_and_never_left_out(bad):
    with pytest.raises(WirechamberError, match=r"^1 of 3 predicted values of y are not finite$"):
        track_residuals(predictions({"x": [0, 0, 0], "y": [0, bad, 0]}))


def test_residuals_beyond_the_largest_number_are_an_error():
    with pytest.raises(WirechamberError, match=r"pos_mean_mm, pos_std_mm, .* too large"):
        track_residuals(predictions({"x": [1.7e308, 1.7e308], "y": [0, 0]}))


def test_no_rows_and_no_position():
    with pytest.raises(WirechamberError, match="no rows to measure x on"):
        track_residuals(predictions({"x": [], "y": []}))
    with pytest.raises(UserError, match=r"the metric needs x, y. Expected the targets \[x, y\]. Received \['energy'\]"):
        residual_summary({"energy": np.ones(1)}, {"energy": np.ones(1)})


def test_bin_edges_must_rise():
    with pytest.raises(UserError, match="momentum_bins: bin edges must rise"):
        METRICS.parse({"name": "track_residuals", "momentum_bins": [5, 2]})
    spec = METRICS.parse({"name": "track_residuals", "momentum_bins": [0, 10]})
    assert len(spec.build(predictions({"x": [1, 1], "y": [0, 0]}, p=[0, 10]))["bins"]) == 1
