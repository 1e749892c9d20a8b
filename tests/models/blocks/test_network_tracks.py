"""The activations that carry a tangent are those of Keras, and their derivatives are derivatives."""

from __future__ import annotations

from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.models.blocks.network_tracks import WITH_DERIVATIVE
from app.models.mlp import Activation

Z = np.concatenate([np.linspace(-6, 6, 240), [-1e-3, 1e-3, -30.0, 30.0]])  # 0 itself is where relu has no derivative
every_activation = pytest.mark.parametrize("name", WITH_DERIVATIVE)


def test_every_activation_of_a_job_is_there():
    assert set(WITH_DERIVATIVE) == set(get_args(Activation))


@every_activation
def test_value_is_that_of_keras(name):
    value, _ = WITH_DERIVATIVE[name](tf.constant(Z))
    expected = keras.activations.get(name)(tf.constant(Z))
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-14)  # Keras takes sqrt(2) of gelu in float32


@every_activation
def test_derivative_is_the_central_difference(name):
    h = 1e-5
    above, below = (np.asarray(WITH_DERIVATIVE[name](tf.constant(Z + sign * h))[0]) for sign in (1, -1))
    _, derivative = WITH_DERIVATIVE[name](tf.constant(Z))
    np.testing.assert_allclose(derivative, (above - below) / (2 * h), rtol=1e-8, atol=1e-9)


@every_activation
def test_values_and_gradients_are_finite_far_out(name):
    z = tf.constant([-1e4, -100.0, 100.0, 1e4])
    with tf.GradientTape() as tape:
        tape.watch(z)
        value, derivative = WITH_DERIVATIVE[name](z)
        total = tf.reduce_sum(value) + tf.reduce_sum(derivative)
    for found in (value, derivative, tape.gradient(total, z)):
        assert np.isfinite(found).all()
