"""The loss of directions: the angle, its digits, and vectors without a direction."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.errors import UserError

COSINE = "cosine_similarity"


def at_angle(degrees, length=1.0):
    """A vector at an angle to (1, 0, 0)."""
    angle = np.radians(degrees)
    return length * np.array([[np.cos(angle), np.sin(angle), 0.0]])


X = np.array([[1.0, 0.0, 0.0]])


@pytest.mark.parametrize("degrees", [0, 1e-3, 1, 60, 90, 179.9, 180])
@pytest.mark.parametrize("length", [1e-20, 1e-3, 1.0, 1e18])
def test_it_is_one_minus_the_cosine(bound, degrees, length):
    if length < 1e-3:
        length = 1e-3  # shorter ones have a test of their own
    found = bound(COSINE)(3 * X, at_angle(degrees, length))
    np.testing.assert_allclose(found, [2 * np.sin(np.radians(degrees) / 2) ** 2], rtol=1e-9, atol=1e-15)


def test_single_precision_keeps_small_angles(bound):
    """1 - cos of 0.001 degrees is 1.5e-10, far below what 1 minus a float32 can be."""
    pred = at_angle(1e-3).astype(np.float32)
    np.testing.assert_allclose(bound(COSINE)(X.astype(np.float32), pred), [(np.radians(1e-3)) ** 2 / 2], rtol=1e-4)


def test_perfect_opposite_and_empty(bound, gradient_of):
    for pred, value in ((2 * X, 0.0), (-X, 2.0), (0 * X, 1.0)):
        np.testing.assert_array_equal(bound(COSINE)(X, pred), [value])
    np.testing.assert_array_equal(gradient_of(COSINE, X, 2 * X), 0 * X)
    np.testing.assert_array_equal(gradient_of(COSINE, X, -X), 0 * X)
    np.testing.assert_allclose(gradient_of(COSINE, X, 0 * X), [[-1000, 0, 0]])  # from nothing towards the truth
    np.testing.assert_array_equal(bound(COSINE)(0 * X, X), [1.0])
    assert np.isfinite(gradient_of(COSINE, 0 * X, 0 * X)).all()


def test_a_short_vector_is_part_of_a_direction_without_a_step(bound):
    lengths = np.array([1e-9, 5e-4, 0.999999e-3, 1.000001e-3, 1.0])
    found = [float(bound(COSINE)(X, at_angle(60, length))[0]) for length in lengths]
    np.testing.assert_allclose(found, 1 - 0.5 * np.minimum(lengths / 1e-3, 1), rtol=1e-5)


def test_the_gradient_turns_the_prediction_and_leaves_its_length(gradient_of):
    rng = np.random.default_rng(1)
    true, pred = rng.normal(size=(2, 50, 3))
    gradient = gradient_of(COSINE, true, pred)
    np.testing.assert_allclose((gradient * pred).sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(gradient_of(COSINE, true, 10 * pred), gradient / 10, rtol=1e-9)
    along = (pred * true).sum(1, keepdims=True) / np.linalg.norm(pred, axis=1, keepdims=True) ** 2 * pred - true
    expected = along / np.linalg.norm(true, axis=1, keepdims=True) / np.linalg.norm(pred, axis=1, keepdims=True)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9)


def test_axes_are_no_special_case(gradient_of):
    """The largest component is what a vector is scaled by; ties and zeros in it must not change the gradient."""
    true = np.array([[0.0, 1.0, 0.0]])
    for pred in (X, np.array([[1.0, 1.0, 0.0]]), np.array([[-1.0, 0.0, 1.0]])):
        turned = pred + 1e-7 * np.array([[0.3, 0.1, -0.2]])
        np.testing.assert_allclose(gradient_of(COSINE, true, pred), gradient_of(COSINE, true, turned), atol=1e-6)


def test_one_number_is_no_direction(bound):
    with pytest.raises(UserError, match="one number is not a direction"):
        bound(COSINE)(np.ones((3, 1)), np.ones((3, 1)))
