import json

import numpy as np
import pytest

from app.core.errors import WirechamberError
from app.metrics import METRICS
from app.metrics.regression import regression
from app.metrics.statistics.residuals import half_width_68
from app.predictions import Predictions


def predictions(true, predicted):
    key = np.arange(len(next(iter(true.values()))), dtype=np.uint64)
    true, predicted = ({name: np.array(v, float) for name, v in values.items()} for values in (true, predicted))
    return Predictions(key, true, predicted)


def test_values_computed_by_hand():
    found = regression(predictions({"energy": [1, 3], "time": [0, 4]}, {"energy": [2, 0], "time": [0, 4]}))
    assert found["energy_mean_absolute"] == pytest.approx(2)
    assert found["energy_bias"] == pytest.approx(-1)
    assert found["energy_rms"] == pytest.approx(np.sqrt(5))
    assert found["energy_68"] == pytest.approx(2 * 0.6827)  # linear between the two residuals
    assert found["time_rms"] == 0
    assert found["relative_rms"] == pytest.approx((np.sqrt(5) / 1 + 0) / 2)
    assert found["rows"] == 2
    json.dumps(found, allow_nan=False)


def test_predicting_the_mean_is_one():
    true = np.random.default_rng(0).normal(5, 3, 1000)
    found = regression(predictions({"a": true}, {"a": np.full(1000, true.mean())}))
    assert found[METRICS["regression"].facts.primary] == pytest.approx(1)


def test_half_width_is_one_sigma_of_a_gaussian_and_blind_to_tails():
    values = np.random.default_rng(0).normal(10, 3, 100_000)
    assert half_width_68(values) == pytest.approx(3, rel=0.01)
    values[:100] = 1e6
    assert half_width_68(values) == pytest.approx(3, rel=0.01)


def test_one_row_is_compared_with_its_own_size():
    assert regression(predictions({"a": [4]}, {"a": [5]}))["relative_rms"] == pytest.approx(0.25)
    assert regression(predictions({"a": [0]}, {"a": [5]}))["relative_rms"] == pytest.approx(5)


def test_not_finite_is_an_error():
    with pytest.raises(WirechamberError, match="1 of 2 true values of a are not finite"):
        regression(predictions({"a": [np.nan, 0]}, {"a": [0, 0]}))
    with pytest.raises(WirechamberError, match="no rows"):
        regression(predictions({"a": []}, {"a": []}))
