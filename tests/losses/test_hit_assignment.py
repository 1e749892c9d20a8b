"""The loss on hits: the cross-entropy by hand, blind to padding, finite for every certainty."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from losses.constraints import CONSTRAINTS, Hits, terms_of

HIT_ASSIGNMENT = CONSTRAINTS.parse("hit_assignment")


def hits(scores, assigned, mask):
    return Hits(*(np.asarray(values, np.float32) for values in (scores, assigned, mask)))


def test_by_hand():
    p = np.array([[0.9, 0.2, 0.6], [0.5, 0.5, 0.5]])
    found = HIT_ASSIGNMENT.build(hits(np.log(p / (1 - p)), [[1, 0, 1], [1, 0, 0]], [[1, 1, 0], [1, 1, 1]]))
    expected = [[-(np.log(0.9) + np.log(0.8)) / 2], [np.log(2)]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert terms_of(HIT_ASSIGNMENT) == ("assignment_loss",)


def test_is_that_of_keras():
    rng = np.random.default_rng(1)
    scores, truth = rng.normal(size=(5, 7)), rng.integers(0, 2, (5, 7))
    expected = keras.ops.binary_crossentropy(truth.astype(np.float32), scores.astype(np.float32), from_logits=True)
    found = HIT_ASSIGNMENT.build(hits(scores, truth, np.ones((5, 7))))
    np.testing.assert_allclose(found[:, 0], np.mean(expected, axis=1), rtol=1e-5)


@pytest.mark.parametrize("filling", [0.0, 1e4, -1e4, np.inf, np.nan])
def test_padding_and_events_without_hits_count_nothing(filling):
    scores = tf.Variable(np.array([[1.0, filling], [filling, filling]], np.float32))
    with tf.GradientTape() as tape:
        found = HIT_ASSIGNMENT.build(Hits(scores, np.float32([[1, 0], [0, 0]]), np.float32([[1, 0], [0, 0]])))
    np.testing.assert_allclose(found, [[np.log1p(np.exp(-1))], [0]], rtol=1e-5)
    gradient = np.asarray(tape.gradient(found, scores))
    np.testing.assert_allclose(gradient, [[1 / (1 + np.exp(-1)) - 1, 0], [0, 0]], rtol=1e-5)


def test_certainty_is_finite():
    found = np.asarray(HIT_ASSIGNMENT.build(hits([[1e4, -1e4]], [[0, 1]], [[1, 1]])))
    np.testing.assert_allclose(found, [[1e4]])
