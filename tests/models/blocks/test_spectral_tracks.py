"""Chebyshev series in zeta: values, integrals and derivatives against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from app.models.blocks.spectral_tracks import (
    chebyshev_values,
    derivative_matrix,
    integral_matrix,
    multiply,
    values_at_start,
)

ZETA = np.linspace(0, 1, 41)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
every_count = pytest.mark.parametrize("count", [2, 3, 12, 64])


@every_count
def test_values_are_cosines(count):
    expected = np.cos(np.arange(count)[:, None] * np.arccos(2 * ZETA - 1))
    np.testing.assert_allclose(chebyshev_values(count, ZETA), expected, atol=1e-12)


@every_count
def test_tensors_give_the_same_values(count):
    found = chebyshev_values(count, tf.constant(ZETA, tf.float32))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, chebyshev_values(count, ZETA.astype(np.float32)), atol=1e-6 * count**2)


@every_count
def test_the_integral_is_the_quadrature_from_zero(count):
    places = ZETA[:, None] * (NODES + 1) / 2  # (zeta, node): Gauss-Legendre on [0, zeta]
    basis = chebyshev_values(count, places.ravel()).reshape(count, *places.shape)
    expected = (basis * WEIGHTS / 2).sum(-1) * ZETA
    np.testing.assert_allclose(integral_matrix(count, 1) @ chebyshev_values(count + 1, ZETA), expected, atol=1e-13)


@every_count
def test_the_double_integral_is_the_integral_of_the_integral(count):
    places = ZETA[:, None] * (NODES + 1) / 2
    once = integral_matrix(count, 1) @ chebyshev_values(count + 1, places.ravel())
    expected = (once.reshape(count, *places.shape) * WEIGHTS / 2).sum(-1) * ZETA
    np.testing.assert_allclose(integral_matrix(count, 2) @ chebyshev_values(count + 2, ZETA), expected, atol=1e-13)


@every_count
def test_the_derivative_undoes_the_integral(count):
    assert derivative_matrix(count).shape == (count, count)
    back = integral_matrix(count, 1) @ derivative_matrix(count + 1)
    np.testing.assert_allclose(back, np.eye(count, count + 1), atol=1e-11)


def test_the_derivative_of_a_known_series():
    # T_2(s) = 2 s^2 - 1 with s = 2 zeta - 1: d/dzeta = 8 s = 8 T_1
    np.testing.assert_allclose(derivative_matrix(3)[2], [0, 8, 0])


@every_count
def test_at_the_start_the_values_are_signs_to_the_last_bit(count):
    zero = np.zeros(1, np.float32)
    np.testing.assert_array_equal(chebyshev_values(count, zero), values_at_start(count))
    np.testing.assert_array_equal(chebyshev_values(count, tf.constant(zero)), values_at_start(count))


def test_a_matrix_is_combined_in_the_precision_of_the_basis():
    matrix, basis = integral_matrix(4, 1), chebyshev_values(5, ZETA)
    np.testing.assert_allclose(multiply(matrix, basis), matrix @ basis, rtol=1e-15)
    found = multiply(matrix, tf.constant(basis, tf.float32))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, matrix @ basis, atol=1e-6)
