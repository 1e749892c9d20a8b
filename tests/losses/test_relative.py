"""Values of the relative losses, computed by hand, and what they are the likelihood of."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError
from losses import LOSSES, LossFacts

TRUE = np.array([[2.0, -4.0], [0.5, 0.0]])
PRED = np.array([[3.0, -3.0], [0.5, 0.001]])


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ("relative_l1", [(1 / 2 + 1 / 4) / 2, 0.5]),  # 0.001 / max(0, 0.001) is 1
        ({"name": "relative_l1", "floor": 0.01}, [0.375, 0.05]),
        ("relative_mse", [(1 / 4 + 1 / 16) / 2, 0.5]),
        ({"name": "relative_mse", "floor": 4.0}, [(1 / 16 + 1 / 16) / 2, 0.001**2 / 16 / 2]),
        ("relative_smooth_l1", [(0.5 / 2 + 0.5 / 4) / 2, 0.5e-6 / 1e-3 / 2]),
        ({"name": "relative_smooth_l1", "beta": 0.25}, [(0.875 / 2 + 0.875 / 4) / 2, 1e-6 / 0.5 / 1e-3 / 2]),
    ],
)
def test_values_by_hand(bound, specification, expected):
    np.testing.assert_allclose(bound(specification)(TRUE, PRED), expected, rtol=1e-12)


def test_a_target_of_zero_is_never_infinite(bound, gradient_of):
    """Not even with the smallest floor that a job may ask for."""
    zero, one = np.zeros((1, 2), np.float32), np.array([[1.0, -1.0]], np.float32)
    for name in ("relative_l1", "relative_mse", "relative_smooth_l1"):
        for floor in (1e-9, 1e-3):
            loss = {"name": name, "floor": floor}
            assert np.isfinite(bound(loss)(zero, one)).all()
            assert np.isfinite(gradient_of(loss, zero, one)).all()
    with pytest.raises(UserError, match=r"floor: not valid\. Expected greater than or equal to 0.000000001\."):
        LOSSES.parse({"name": "relative_mse", "floor": 0})


@pytest.mark.parametrize("name", ["relative_l1", "relative_mse"])
def test_the_unit_of_the_target_does_not_matter(bound, name):
    """Above the floor: GeV and MeV give one loss."""
    rng = np.random.default_rng(1)
    true = rng.uniform(0.015, 0.06, (50, 1))
    pred = true + rng.normal(0, 0.005, (50, 1))
    np.testing.assert_allclose(bound(name)(true, pred), bound(name)(1e3 * true, 1e3 * pred), rtol=1e-9)


def test_smooth_l1_over_the_target_by_regions(bound, gradient_of):
    """Inside beta the chi-squared of sigma^2 = beta E, far outside of it relative_l1."""
    true = np.array([[0.02], [0.05]])
    wide, narrow = ({"name": "relative_smooth_l1", "beta": beta} for beta in (1.0, 1e-9))
    np.testing.assert_allclose(bound(wide)(true, true + 0.005), 0.005**2 / (2 * true[:, 0]), rtol=1e-12)
    np.testing.assert_allclose(bound(narrow)(true, true + 0.005), bound("relative_l1")(true, true + 0.005), rtol=1e-6)
    np.testing.assert_allclose(gradient_of(wide, true, true + 0.005), 0.005 / true, rtol=1e-12)


def test_the_least_relative_square_lies_below_the_mean(bound):
    """Its minimum over a constant is sum(1/E) / sum(1/E^2), which the docstring warns of."""
    true = np.random.default_rng(2).uniform(0.015, 0.06, (4000, 1))
    best = np.sum(1 / true) / np.sum(1 / true**2)
    tried = best * np.array([0.999, 1.0, 1.001])
    totals = [np.sum(bound("relative_mse")(true, np.full_like(true, value))) for value in tried]
    assert np.argmin(totals) == 1
    assert best < 0.8 * true.mean()


def test_half_precision_does_not_overflow(bound):
    """The ratio of 1 to the floor squared is not a float16, nor are the floor and the energy apart."""
    found = bound({"name": "relative_mse", "floor": 1e-6})(np.zeros((1, 1), np.float16), np.ones((1, 1), np.float16))
    np.testing.assert_allclose(found, [1e12], rtol=1e-6)


def test_they_say_what_they_need():
    for name in ("relative_l1", "relative_mse", "relative_smooth_l1"):
        assert LOSSES[name].facts == LossFacts(physical=True, transform=())
