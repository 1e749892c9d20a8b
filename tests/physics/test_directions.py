"""Unit vectors and emission angles."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.libraries import tf
from app.physics.directions import emission_vector, unit


def test_the_emission_vector_by_hand():
    """(-sin t cos p, sin t sin p, cos t): 90 and 0 degrees point at the calorimeter's middle, at -x."""
    for (theta, phi), expected in (
        ((90.0, 0.0), (-1, 0, 0)),
        ((90.0, 90.0), (0, 1, 0)),
        ((0.0, 33.0), (0, 0, 1)),
        ((60.0, -60.0), (-np.sqrt(3) / 4, -0.75, 0.5)),
    ):
        assert emission_vector(theta, phi) == pytest.approx(expected, abs=1e-15)


def test_emission_vectors_have_length_1_and_arrays_keep_their_precision():
    theta, phi = np.random.default_rng(1).uniform(0, 360, (2, 100)).astype(np.float32)
    x, y, z = emission_vector(theta, phi)
    assert x.dtype == y.dtype == z.dtype == np.float32
    np.testing.assert_allclose(x**2 + y**2 + z**2, 1, rtol=1e-6)


@pytest.mark.parametrize("length", [0.0, 1e-30, 1.0, 1e30])
def test_unit_of_arrays_and_tensors(length):
    vectors = (length * np.array([[3.0, -4.0, 0.0], [0.0, 0.0, 2.0]])).astype(np.float32)
    expected = np.array([[0.6, -0.8, 0], [0, 0, 1]]) * (length > 0)
    for found in (unit(vectors), unit(tf.constant(vectors)), tf.function(unit, jit_compile=True)(tf.constant(vectors))):
        np.testing.assert_allclose(found, expected, atol=1e-7)


def test_the_gradient_of_a_unit_vector_is_across_it():
    """d(v/|v|)/dv = (1 - u u^T)/|v|; the scale that it is divided by on the way leaves no trace."""
    vector = tf.constant([[1.0, -2.0, 2.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(vector)
        found = unit(vector)
    u = np.array([1, -2, 2]) / 3
    np.testing.assert_allclose(tape.jacobian(found, vector)[0, :, 0], (np.eye(3) - np.outer(u, u)) / 3, atol=1e-15)
