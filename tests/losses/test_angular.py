"""Losses of directions: the angle by hand, its gradient at both ends, and the likelihood on the sphere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from losses import LOSSES

ANGLES = np.radians([0.0, 1e-4, 1.0, 30.0, 90.0, 150.0, 179.0, 180.0])
TRUE = np.tile([0.0, 0.0, 2.0], (len(ANGLES), 1)).astype(np.float32)
PREDICTED = (3.0 * np.stack([np.sin(ANGLES), 0 * ANGLES, np.cos(ANGLES)], -1)).astype(np.float32)


def value(name, y_true=TRUE, y_pred=PREDICTED, **options):
    return np.asarray(LOSSES.parse({"name": name, **options}).build(y_true, y_pred))


def gradient(name, y_true, y_pred, **options):
    y_pred = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        total = tf.reduce_sum(LOSSES.parse({"name": name, **options}).build(y_true, y_pred))
    return tape.gradient(total, y_pred).numpy()


def test_the_angle_is_exact_from_0_to_pi():
    np.testing.assert_allclose(value("angular"), ANGLES, rtol=1e-5, atol=3e-7)


def test_the_gradient_of_the_angle_is_one_over_the_length_and_finite_at_both_ends():
    found = np.linalg.norm(gradient("angular", TRUE, PREDICTED), axis=-1)
    np.testing.assert_allclose(found[2:-1], 1 / 3, rtol=1e-3)
    assert np.isfinite(found).all()
    assert found.max() < 0.34


def test_no_direction_is_a_right_angle_and_has_a_way_out():
    nothing = np.zeros((1, 3), np.float32)
    assert value("angular", TRUE[:1], nothing)[0] == pytest.approx(math.pi / 2)
    assert gradient("angular", TRUE[:1], nothing)[0, 2] < 0  # towards the truth


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_by_hand(gamma):
    expected = ANGLES * (np.maximum(ANGLES, 1e-6) / np.pi) ** gamma
    np.testing.assert_allclose(value("focal_angular", gamma=gamma), expected, rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradient("focal_angular", TRUE, PREDICTED, gamma=gamma)).all()


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_hybrid_is_between_angle_and_cosine(alpha):
    expected = alpha * value("angular") + (1 - alpha) * value("cosine_similarity")
    np.testing.assert_allclose(value("hybrid", alpha=alpha), expected, rtol=1e-6)


def density(kappa, cosine):
    """Density on the sphere of the von Mises-Fisher distribution, in the textbook's form."""
    return kappa / (4 * math.pi * math.sinh(kappa)) * np.exp(kappa * cosine)


@pytest.mark.parametrize("kappa", [0.05, 1.0, 7.0, 50.0])
def test_the_likelihood_is_that_of_the_textbook(kappa):
    vector = (kappa * PREDICTED / 3).astype(np.float32)
    expected = -np.log(density(kappa, np.cos(ANGLES)))
    np.testing.assert_allclose(value("von_mises_fisher", y_pred=vector), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kappa", [0.3, 3.0, 30.0])
def test_the_density_is_normalised_over_the_sphere(kappa):
    cosine = np.linspace(-1, 1, 20_001)
    directions = np.stack([np.sqrt(1 - cosine**2), 0 * cosine, cosine], -1).astype(np.float32)
    mean = np.tile([[0, 0, kappa]], (len(cosine), 1)).astype(np.float32)
    likelihood = np.exp(-value("von_mises_fisher", directions, mean).astype(np.float64))
    assert 4 * math.pi * np.mean(likelihood) == pytest.approx(1, rel=2e-3)  # the sum over the cosine


def test_an_event_that_says_nothing_and_one_that_says_too_much():
    vectors = np.array([[0, 0, 0], [0, 0, 1e6], [1e6, 0, 0], [0, 0, -1e4]], np.float32)
    found = value("von_mises_fisher", TRUE[:4], vectors)
    assert found[0] == pytest.approx(math.log(4 * math.pi))
    assert np.isfinite(found).all()
    assert np.isfinite(gradient("von_mises_fisher", TRUE[:4], vectors)).all()


def test_the_best_concentration_is_that_of_the_sample():
    """At the minimum the mean cosine of the sample is coth k - 1/k."""
    rng = np.random.default_rng(2)
    sample = rng.normal([0, 0, 4], 1, (1000, 3)).astype(np.float32)
    kappas = np.linspace(2, 40, 400)
    said = np.repeat(kappas, len(sample))[:, None] * np.float32([0, 0, 1])
    losses = value("von_mises_fisher", np.tile(sample, (len(kappas), 1)), said.astype(np.float32))
    best = kappas[int(np.argmin(losses.reshape(len(kappas), -1).mean(axis=1)))]
    cosine = np.mean(sample[:, 2] / np.linalg.norm(sample, axis=1))
    assert 1 / math.tanh(best) - 1 / best == pytest.approx(cosine, abs=2e-3)
