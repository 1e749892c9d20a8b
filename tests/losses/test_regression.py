"""Values of the regression losses, computed by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from losses import LOSSES

RESIDUALS = np.array([[0.0, 0.5], [-1.0, 3.0]])


def bound(specification):
    spec = LOSSES.parse(specification)
    return partial(spec.component.call, **spec.parameters)


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ("mse", [0.125, 5.0]),  # (0 + 0.25) / 2, (1 + 9) / 2
        ("l1", [0.25, 2.0]),
        ("huber", [0.0625, 1.5]),  # (0 + 0.125) / 2, (0.5 + 2.5) / 2
        ({"name": "huber", "delta": 2.0}, [0.0625, 2.25]),  # (0.5 + 2 (3 - 1)) / 2
        ({"name": "huber", "delta": 10}, [0.0625, 2.5]),  # half of mse
        ("smooth_l1", [0.0625, 1.5]),
        ({"name": "smooth_l1", "beta": 0.25}, [0.1875, 1.875]),  # (0.5 - 0.125) / 2, (0.875 + 2.875) / 2
        ("log_cosh", [np.log(np.cosh(0.5)) / 2, (np.log(np.cosh(1)) + np.log(np.cosh(3))) / 2]),
    ],
)
def test_values_by_hand(specification, expected):
    np.testing.assert_allclose(bound(specification)(np.zeros((2, 2)), RESIDUALS), expected, rtol=1e-12)


@pytest.mark.parametrize("width", [0.1, 1.0, 7.0])
def test_smooth_l1_is_huber_over_its_width(width):
    pair = np.zeros((50, 3)), np.random.default_rng(2).normal(scale=5, size=(50, 3))
    smooth, huber = bound({"name": "smooth_l1", "beta": width}), bound({"name": "huber", "delta": width})
    np.testing.assert_allclose(smooth(*pair), np.asarray(huber(*pair)) / width, rtol=1e-12)


@pytest.mark.parametrize("r", [1e-12, 1e-6, 1e-3, 0.3, 0.999999, 1.0, 1.000001, 5.0, 20.0])
def test_log_cosh_keeps_its_digits(r):
    """The oracle is the series r^2/2 - r^4/12 for small r and numpy's logaddexp for the others, in float64."""
    exact = r**2 / 2 - r**4 / 12 if r < 1e-2 else np.logaddexp(r, -r) - np.log(2)
    single = bound("log_cosh")(np.zeros((1, 1), np.float32), np.array([[r]], np.float32))
    np.testing.assert_allclose(single, [exact], rtol=1e-6)


def test_log_cosh_has_a_smooth_second_derivative():
    """d2/dr2 log cosh r = 1 - tanh(r)^2 across the seam at |r| = 1, where its two forms meet."""
    r = tf.constant(np.linspace(-3, 3, 25)[:, None])
    with tf.GradientTape() as outer:
        outer.watch(r)
        with tf.GradientTape() as inner:
            inner.watch(r)
            values = bound("log_cosh")(tf.zeros_like(r), r)
        slope = inner.gradient(values, r)
    np.testing.assert_allclose(slope, np.tanh(r), rtol=1e-12)
    np.testing.assert_allclose(outer.gradient(slope, r), 1 - np.tanh(r) ** 2, rtol=1e-9)


@pytest.mark.parametrize("name", ["l1", "huber", "smooth_l1", "log_cosh"])
def test_tails_weigh_linearly_even_where_the_square_overflows(name):
    y_pred = tf.constant([[1e30]], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = bound(name)(tf.zeros((1, 1)), y_pred)
    np.testing.assert_allclose(value, [1e30], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(value, y_pred), [[1.0]], rtol=1e-6)


def test_half_precision_does_not_overflow():
    """The square of 1000 is not a float16."""
    assert float(bound("mse")(np.zeros((1, 1), np.float32), np.array([[1000]], np.float16))[0]) == 1e6


def test_unknown_extents_agree_while_tracing():
    traced = tf.function(bound("mse"), input_signature=[tf.TensorSpec((None, 2)), tf.TensorSpec((None, None))])
    np.testing.assert_allclose(traced(np.zeros((2, 2), np.float32), RESIDUALS.astype(np.float32)), [0.125, 5.0])


def test_aliases_are_the_same_losses():
    assert LOSSES["l2"] is LOSSES["mse"]
    assert LOSSES["mae"] is LOSSES["l1"]


@pytest.mark.parametrize(
    ("specification", "text"),
    [
        ({"name": "huber", "delta": 0}, "delta: not valid. Expected greater than 0. Received 0."),
        ({"name": "huber", "beta": 1}, "beta: unknown key. Did you mean 'delta'? Expected one of [name, delta]."),
        ({"name": "hubber"}, "name: unknown loss. Did you mean 'huber'?"),
    ],
)
def test_mistakes_are_named(specification, text):
    with pytest.raises(UserError) as caught:
        LOSSES.parse(specification)
    assert str(caught.value).startswith(text)
