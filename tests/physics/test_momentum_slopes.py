"""px/p and py/p: values, the way back, and what happens where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.libraries import tf
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.lorentz import lorentz_acceleration
from app.physics.momentum_slopes import LARGEST_SINE, to_momentum, to_slopes
from app.physics.units import LIGHT_SPEED

SLOPES = np.random.default_rng(1).uniform(-2.0, 2.0, (2, 500))


def test_values_by_hand():
    """A 3-4-12 triangle has N = 13/12: tx = 1/4, ty = 1/3 is the direction (3, 4, 12)/13."""
    assert to_momentum(0.25, 1 / 3) == pytest.approx((3 / 13, 4 / 13))
    assert to_slopes(3 / 13, 4 / 13) == pytest.approx((0.25, 1 / 3))


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.float64, 1e-14), (np.float32, 2e-6)])
def test_there_and_back(dtype, accuracy):
    tx, ty = SLOPES.astype(dtype)
    back = to_slopes(*to_momentum(tx, ty))
    assert {values.dtype for values in back} == {np.dtype(dtype)}
    np.testing.assert_allclose(back, (tx, ty), rtol=accuracy, atol=accuracy)


def test_the_force_is_linear_in_qop_without_the_factor_n():
    """du/dz = c (q/p) (ty Bz - By), dv/dz = c (q/p) (Bx - tx Bz): by the chain rule from the equation of the slopes."""
    field, qop, (tx, ty) = TwoDipoles(), 0.2, 0.3 * SLOPES
    x, y, z = (np.full(500, value) for value in (120.0, -80.0, 4100.0))
    ax, ay = lorentz_acceleration(field, (x, y, tx, ty), qop, z)
    step = 1e-4  # mm
    ahead, behind = (np.array(to_momentum(tx + s * ax, ty + s * ay)) for s in (step, -step))
    bx, by, bz = field(x, y, z)
    expected = LIGHT_SPEED * qop * np.array([ty * bz - by, bx - tx * bz])
    np.testing.assert_allclose((ahead - behind) / (2 * step), expected, rtol=1e-6, atol=1e-12)


def test_a_prediction_that_is_no_direction_stays_finite():
    """Beyond a sine of 0.999 to the axis the third component is held at that of 0.999, and keeps the sign."""
    w = np.sqrt(1 - LARGEST_SINE**2)
    u, v = np.array([1.0, -1.5, 0.8, 5.0]), np.array([0.0, 0.5, -0.8, 0.0])
    np.testing.assert_allclose(to_slopes(u, v), (u / w, v / w), rtol=1e-12)
    inside = LARGEST_SINE - 1e-6
    assert to_slopes(inside, 0.0)[0] == pytest.approx(inside / np.sqrt(1 - inside**2))


@pytest.mark.parametrize("u", [0.0, 0.3, 0.999, 1.0, 3.0])
def test_gradients_stay_finite(u):
    value = tf.constant([u])
    with tf.GradientTape() as tape:
        tape.watch(value)
        slope = to_slopes(value, 0.1 * value)[0]
    gradient = float(tape.gradient(slope, value)[0])
    assert np.isfinite(gradient)
    assert gradient > 0
    if u < 0.9:
        assert gradient == pytest.approx((1 - 1.01 * u * u) ** -1.5, rel=1e-5)
