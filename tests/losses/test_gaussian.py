"""Likelihoods with a predicted width: closed forms, their minimum, and that nothing is ever infinite."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from losses import LOSSES
from losses.gaussian import LEAST_LOG_VARIANCE

NAMES = ("gaussian_nll", "beta_nll")


def pair(rows=40, targets=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, targets)), rng.normal(size=(rows, 2 * targets))


def test_it_is_the_likelihood_of_a_gaussian(bound):
    true, pred = pair()
    mean, sigma = pred[:, :3], np.exp(pred[:, 3:] / 2)
    expected = -scipy.stats.norm.logpdf(true, mean, sigma) - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(bound("gaussian_nll")(true, pred), expected.mean(axis=1), rtol=1e-12)


def test_at_its_minimum_the_variance_is_the_mean_squared_residual(gradient_of):
    true = np.random.default_rng(2).normal(3.0, 0.2, (500, 1))
    best = np.tile([[true.mean(), np.log(true.var())]], (500, 1))
    np.testing.assert_allclose(gradient_of("gaussian_nll", true, best).mean(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_the_gradient_is_weighted_and_the_weight_is_a_constant(bound, gradient_of, beta):
    """d beta_nll = sigma^(2 beta) d nll; with beta = 1 that of the mean is the residual itself."""
    true, pred = pair()
    loss = {"name": "beta_nll", "beta": beta}
    weight = np.exp(beta * pred[:, 3:])
    np.testing.assert_allclose(
        gradient_of(loss, true, pred), np.tile(weight, 2) * gradient_of("gaussian_nll", true, pred), rtol=1e-12
    )
    if beta == 1:
        np.testing.assert_allclose(gradient_of(loss, true, pred)[:, :3], (pred[:, :3] - true) / 3, rtol=1e-10)
    if beta == 0:
        np.testing.assert_array_equal(bound(loss)(true, pred), bound("gaussian_nll")(true, pred))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("log_variance", [-1e6, -200.0, -90.0, LEAST_LOG_VARIANCE, 0.0, 90.0, 200.0, 1e6])
@pytest.mark.parametrize("r", [0.0, 1e-6, 1.0, 1e6])
def test_every_width_is_finite_in_single_precision(bound, gradient_of, name, log_variance, r):
    pred = np.array([[r, log_variance]], np.float32)
    zero = np.zeros((1, 1), np.float32)
    assert np.isfinite(bound(name)(zero, pred)).all()
    assert np.isfinite(gradient_of(name, zero, pred)).all()


def test_below_the_least_width_a_residual_still_pulls_it_up(bound, gradient_of):
    """A clipped log-variance would have no gradient there, and stay for ever; the tangent's is that at the bound."""
    zero = np.zeros((1, 1))
    slope = [gradient_of("gaussian_nll", zero, np.array([[0.1, LEAST_LOG_VARIANCE - d]]))[0, 1] for d in (1e-9, 5, 500)]
    np.testing.assert_allclose(slope, -0.5 * 0.01 * np.exp(-LEAST_LOG_VARIANCE), rtol=1e-9)

    def value(mean, log_variance):
        return float(bound("gaussian_nll")(zero, np.array([[mean, log_variance]]))[0])

    assert value(0.1, LEAST_LOG_VARIANCE - 1e-9) == pytest.approx(value(0.1, LEAST_LOG_VARIANCE + 1e-9), rel=1e-6)
    assert value(0.0, -1e5) == value(0.0, LEAST_LOG_VARIANCE) == LEAST_LOG_VARIANCE / 2  # no reward for a width of 0


@pytest.mark.parametrize("name", NAMES)
def test_means_without_widths_are_refused(bound, name):
    with pytest.raises(ValueError, match=r"\(N, 2T\), of y_true \(N, T\): y_true is \(4, 2\), y_pred is \(4, 2\)"):
        bound(name)(np.zeros((4, 2)), np.zeros((4, 2)))
    assert LOSSES[name].facts.head == "gaussian"
