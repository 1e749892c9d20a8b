"""How terms are added up, by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from losses.balancing import BALANCINGS

WEIGHTS = {"state_loss": 1.0, "pde_loss": 0.1, "ic_loss": 0.5}
LOSSES = {"state_loss": 2.0, "pde_loss": 30.0, "ic_loss": 4.0}


class Holder(keras.layers.Layer):
    """Something that makes variables, as an objective does."""


def made(spec, weights=WEIGHTS):
    holder = Holder()
    return holder, BALANCINGS.parse(spec).build(holder, weights)


def added(spec, epoch=0.0, losses=LOSSES, **options):
    _, balance = made(spec, **options)
    return adding(balance, tf.constant(epoch), losses)


def adding(balance, epoch=0.0, losses=LOSSES):
    """What each term adds to a step in which the losses are these."""
    return {name: float(weight * losses[name] + offset) for name, (weight, offset) in balance(epoch).items()}


def test_fixed_adds_the_weighted_terms():
    assert added("fixed") == pytest.approx({"state_loss": 2.0, "pde_loss": 3.0, "ic_loss": 2.0})
    assert added("fixed", epoch=50.0) == added("fixed")


@pytest.mark.parametrize(("epoch", "share"), [(0, 0), (1, 0.1), (5, 0.5), (10, 1), (40, 1)])
def test_linear_ramp_lets_the_leading_term_go_first(epoch, share):
    expected = {"state_loss": 2.0, "pde_loss": 3.0 * share, "ic_loss": 2.0 * share}
    assert added({"name": "linear_ramp", "epochs": 10}, float(epoch)) == pytest.approx(expected)


def test_uncertainty_starts_as_the_weighted_sum():
    assert added("uncertainty") == pytest.approx(added("fixed"))


def test_uncertainty_divides_by_the_variance_and_pays_for_it():
    holder, balance = made("uncertainty")
    logs = {v.name.removesuffix("_log_variance"): v for v in holder.trainable_variables}
    assert set(logs) == set(WEIGHTS)
    for name, value in (("state_loss", 0.5), ("pde_loss", -1.0), ("ic_loss", 2.0)):
        logs[name].assign(value)
    expected = {"state_loss": 2 * np.exp(-0.5) + 0.5, "pde_loss": 3 * np.e - 1, "ic_loss": 2 * np.exp(-2.0) + 2}
    assert adding(balance) == pytest.approx(expected, rel=1e-6)


def test_the_learned_variance_settles_at_the_weighted_loss():
    holder, balance = made("uncertainty")
    optimizer = keras.optimizers.SGD(0.3)
    optimizer.build(holder.trainable_variables)
    for _ in range(150):
        with tf.GradientTape() as tape:
            total = sum(weight * LOSSES[name] + offset for name, (weight, offset) in balance(0.0).items())
        optimizer.apply_gradients(
            zip(tape.gradient(total, holder.trainable_variables), holder.trainable_variables, strict=True)
        )
    for variable in holder.trainable_variables:
        name = variable.name.removesuffix("_log_variance")
        assert np.exp(float(variable.value)) == pytest.approx(WEIGHTS[name] * LOSSES[name], rel=1e-4)


def test_a_term_of_weight_zero_has_no_variance_to_learn():
    """It would fall for ever: 0 exp(-s) + s has no minimum."""
    weights = {**WEIGHTS, "state_loss": 0.0}
    holder, _ = made("uncertainty", weights)
    assert [v.name for v in holder.trainable_variables] == ["pde_loss_log_variance", "ic_loss_log_variance"]
    assert set(added("uncertainty", weights=weights)) == {"pde_loss", "ic_loss"}


def test_options_that_cannot_be_meant():
    with pytest.raises(UserError, match=r"epochs: not valid\. Expected greater than 0\. Received 0"):
        BALANCINGS.parse({"name": "linear_ramp", "epochs": 0})
    with pytest.raises(UserError, match=r"unknown balancing\. Did you mean 'uncertainty'\?"):
        BALANCINGS.parse("uncertanty")
