"""Losses of classes: closed forms, certainty without limit, and labels that are none."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from app.core.errors import UserError
from losses import LOSSES

LOGITS = np.array([[0.3, -1.2, 2.0], [1.0, 1.0, 1.0], [-3.0, 0.5, 0.1]])
CLASS = np.array([[2.0], [0.0], [1.0]])
P = scipy.special.softmax(LOGITS, axis=1)
OF_TRUE = P[np.arange(3), [2, 0, 1]]


def test_binary_by_hand(bound):
    z, y = np.array([[0.0, 2.0], [-1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    p = 1 / (1 + np.exp(-z))
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=1)
    np.testing.assert_allclose(bound("binary_crossentropy")(y, z), expected, rtol=1e-12)


def test_binary_gradient_is_p_minus_y(gradient_of):
    """At a logit of 0 as well, where some stable forms have a kink."""
    z, y = np.array([[0.0], [3.0], [-40.0], [800.0]]), np.array([[1.0], [0.0], [1.0], [0.0]])
    np.testing.assert_allclose(gradient_of("binary_crossentropy", y, z), scipy.special.expit(z) - y, rtol=1e-12)


def test_certainty_has_no_limit_and_keeps_its_digits(bound):
    z = np.array([[20.0], [60.0], [1e4]], np.float32)
    np.testing.assert_allclose(
        bound("binary_crossentropy")(np.ones((3, 1)), z), np.log1p(np.exp(-z[:, 0])), rtol=1e-5, atol=1e-30
    )
    np.testing.assert_array_equal(bound("binary_crossentropy")(np.zeros((3, 1), np.float32), z), z[:, 0])


def test_categorical_by_hand(bound, gradient_of):
    np.testing.assert_allclose(bound("categorical_crossentropy")(CLASS, LOGITS), -np.log(OF_TRUE), rtol=1e-12)
    hot = np.eye(3)[[2, 0, 1]]
    np.testing.assert_allclose(gradient_of("categorical_crossentropy", CLASS, LOGITS), P - hot, rtol=1e-9, atol=1e-12)


def test_smoothed_labels(bound):
    q = 0.9 * np.eye(3)[[2, 0, 1]] + 0.1 / 3
    found = bound({"name": "categorical_crossentropy", "label_smoothing": 0.1})(CLASS, LOGITS)
    np.testing.assert_allclose(found, -(q * np.log(P)).sum(axis=1), rtol=1e-12)


def test_two_classes_are_the_binary_case(bound):
    z, y = np.array([[0.7], [-2.0]]), np.array([[1.0], [0.0]])
    both = np.concatenate([np.zeros_like(z), z], axis=1)
    expected = bound("binary_crossentropy")(y, z)
    np.testing.assert_allclose(bound("categorical_crossentropy")(y, both), expected, rtol=1e-12)
    np.testing.assert_allclose(bound({"name": "focal", "gamma": 0})(y, z), expected, rtol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_by_hand(bound, gamma):
    found = bound({"name": "focal", "gamma": gamma})(CLASS, LOGITS)
    np.testing.assert_allclose(found, -((1 - OF_TRUE) ** gamma) * np.log(OF_TRUE), rtol=1e-10)


def test_focal_weights_of_classes(bound):
    plain = np.asarray(bound("focal")(CLASS, LOGITS))
    found = bound({"name": "focal", "alpha": [1, 2, 5]})(CLASS, LOGITS)
    np.testing.assert_allclose(found, plain * [5, 1, 2], rtol=1e-12)
    binary = {"name": "focal", "alpha": [0.75, 0.25]}  # Lin et al.: alpha for 1, 1 - alpha for 0
    z, y = np.array([[0.7], [-2.0]]), np.array([[1.0], [0.0]])
    p = scipy.special.expit(z[:, 0])
    expected = [-0.25 * (1 - p[0]) ** 2 * np.log(p[0]), -0.75 * p[1] ** 2 * np.log(1 - p[1])]
    np.testing.assert_allclose(bound(binary)(y, z), expected, rtol=1e-12)
    with pytest.raises(UserError, match=r"^loss\.alpha: not one weight for each class\. Expected one weight for each"):
        bound({"name": "focal", "alpha": 0.25})(CLASS, LOGITS)


@pytest.mark.parametrize("gamma", [0.3, 2.0])
@pytest.mark.parametrize("z", [1e-3, 30.0, 200.0, 1e6])
def test_focal_is_finite_where_it_is_certain(bound, gradient_of, gamma, z):
    """1 - p is 0 in float32 from z = 17 on, and (1 - p)^0.3 has an infinite derivative there."""
    loss = {"name": "focal", "gamma": gamma}
    logits = np.array([[z, 0.0], [0.0, z]], np.float32)
    for true in (0.0, 1.0):
        label = np.full((2, 1), true, np.float32)
        assert np.isfinite(bound(loss)(label, logits)).all()
        assert np.isfinite(gradient_of(loss, label, logits)).all()


@pytest.mark.parametrize("name", ["categorical_crossentropy", "focal"])
@pytest.mark.parametrize("label", [-1.0, 3.0, 0.5])
def test_a_label_that_is_no_class_ends_the_training(bound, name, label):
    found = np.asarray(bound(name)(np.array([[0.0], [label]]), LOGITS[:2]))
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_half_precision_keeps_rare_classes(bound):
    """softmax of 40 and 0 has a p of 4e-18, which no float16 holds."""
    half = np.array([[40.0, 0.0]], np.float16)
    found = bound("categorical_crossentropy")(np.ones((1, 1), np.float32), half)
    np.testing.assert_allclose(found, [40], rtol=1e-6)


def test_they_say_what_they_need():
    assert {LOSSES[n].facts.head for n in ("categorical_crossentropy", "focal")} == {"softmax"}
    assert LOSSES["focal"].facts.classes
    assert LOSSES["binary_crossentropy"].facts.head == "sigmoid"
    assert not LOSSES["binary_crossentropy"].facts.classes
    assert all(LOSSES[n].facts.transform == () for n in ("focal", "binary_crossentropy"))
