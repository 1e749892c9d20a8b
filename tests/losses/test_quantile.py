"""The quantile loss: values by hand, and that its minimum is the quantile."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError
from losses import LOSSES


def test_values_by_hand(bound):
    true, pred = np.zeros((2, 2)), np.array([[2.0, -1.0], [-3.0, 0.0]])
    np.testing.assert_allclose(bound({"name": "quantile", "level": 0.9})(true, pred), [(0.2 + 0.9) / 2, 2.7 / 2])
    np.testing.assert_allclose(bound("quantile")(true, pred), np.asarray(bound("l1")(true, pred)) / 2)


@pytest.mark.parametrize("level", [0.01, 0.15865, 0.5, 0.84135, 0.99])
def test_its_minimum_is_the_quantile(bound, gradient_of, level):
    """The mean gradient at the sample's quantile is 0 to one event, and has a sign on either side."""
    values = np.random.default_rng(1).exponential(size=(2001, 1))
    loss = {"name": "quantile", "level": level}
    at = np.quantile(values, level, method="inverted_cdf")
    slopes = [gradient_of(loss, values, np.full_like(values, at + shift)).mean() for shift in (-0.05, 0.0, 0.05)]
    assert abs(slopes[1]) <= 1 / 2001
    assert slopes[0] < slopes[1] < slopes[2]
    totals = [np.sum(bound(loss)(values, np.full_like(values, at + shift))) for shift in (-0.01, 0.0, 0.01)]
    assert np.argmin(totals) == 1


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5])
def test_a_level_lies_between_0_and_1(level):
    with pytest.raises(UserError, match=r"level: not valid\. Expected (greater|less) than"):
        LOSSES.parse({"name": "quantile", "level": level})
