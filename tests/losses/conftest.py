"""Losses bound to the parameters of a job, and their gradients."""

from __future__ import annotations

from functools import partial

import pytest
import tensorflow as tf

from losses import LOSSES


@pytest.fixture(scope="session")
def bound():
    """The function bound(specification) that returns loss(y_true, y_pred)."""

    def bind(specification):
        spec = LOSSES.parse(specification)
        return partial(spec.component.call, **spec.parameters)

    return bind


@pytest.fixture(scope="session")
def gradient_of(bound):
    """The function gradient_of(specification, y_true, y_pred) that returns d loss / d y_pred as an array."""

    def gradient(specification, y_true, y_pred):
        y_pred = tf.convert_to_tensor(y_pred)
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            values = bound(specification)(tf.convert_to_tensor(y_true), y_pred)
        return tape.gradient(values, y_pred).numpy()

    return gradient
