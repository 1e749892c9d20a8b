"""A few steps of each rule on a real Keras optimizer, against the formula."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.optimizers import OPTIMIZERS, make
from app.schedules import SCHEDULES

GRADIENTS = (1.0, -2.0, 0.5, 0.25)


def path(specification, gradients=GRADIENTS, start=1.0, **supplied):
    """Return the weight after each gradient."""
    optimizer = make(OPTIMIZERS.parse(specification), **supplied)
    weight = keras.Variable(start)
    weights = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [weight])
        weights.append(float(weight.numpy()))
    return weights


@pytest.mark.parametrize("component", list(OPTIMIZERS), ids=lambda component: component.name)
def test_every_optimizer_runs_down_a_parabola(component):
    optimizer = make(OPTIMIZERS.parse({"name": component.name, "learning_rate": 0.02}))
    weight = keras.Variable([0.3, -0.2])
    for _ in range(60):
        optimizer.apply([weight.value * 2.0], [weight])
    assert np.abs(weight.numpy()).max() < 0.1


@pytest.mark.parametrize("component", list(OPTIMIZERS), ids=lambda component: component.name)
def test_every_optimizer_survives_saving(component):
    spec = OPTIMIZERS.parse({"name": component.name, "learning_rate": 0.01, "global_clipnorm": 2.0})
    optimizer = make(spec, gradient_accumulation=3)
    content = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    assert keras.optimizers.deserialize(content).get_config() == optimizer.get_config()
    assert OPTIMIZERS.parse(spec.dump()) == spec


def test_sgd_by_hand():
    assert path({"name": "sgd", "learning_rate": 0.1}) == pytest.approx([0.9, 1.1, 1.05, 1.025])


@pytest.mark.parametrize("accumulation", [1, 3])
def test_the_moving_average_of_the_weights_is_that_of_the_formula(accumulation):
    """With gradient 1 and SGD w_k = -0.1 k; the average is a_1 = w_1, a_k = 0.8 a_(k-1) + 0.2 w_k."""
    optimizer = make(OPTIMIZERS.parse({"name": "sgd", "learning_rate": 0.1}), None, accumulation, ema=0.8)
    weight, found = keras.Variable(0.0), []
    for _ in range(5 * accumulation - 1):
        optimizer.apply([keras.ops.ones(())], [weight])
        raw = weight.numpy()
        optimizer.finalize_variable_values([weight])
        found.append(weight.numpy())
        weight.assign(raw)
    assert raw == pytest.approx(-0.4)
    # Keras averages after each batch: the average is complete with the last batch before the next step.
    assert found[2 * (accumulation - 1) :: accumulation] == pytest.approx([-0.1, -0.12, -0.156, -0.2048])


def test_sgd_with_momentum_by_hand():
    """v -> 0.5 v - 0.1 g: -0.1, 0.15, 0.025, -0.0125."""
    expected = [0.9, 1.05, 1.075, 1.0625]
    assert path({"name": "sgd", "learning_rate": 0.1, "momentum": 0.5}) == pytest.approx(expected)


def test_sgd_with_nesterov_momentum_by_hand():
    """The weight moves by 0.5 v - 0.1 g with the v above already updated."""
    steps = [0.5 * v - 0.1 * g for v, g in zip((-0.1, 0.15, 0.025, -0.0125), GRADIENTS, strict=True)]
    settings = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.5, "nesterov": True}
    assert path(settings) == pytest.approx(1 + np.cumsum(steps))


def test_adam_by_its_formula():
    weight, m, v, expected = 1.0, 0.0, 0.0, []
    for k, gradient in enumerate(GRADIENTS, start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        weight -= 0.1 * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.99**k)) + 1e-7)
        expected.append(weight)
    assert path({"name": "adam", "learning_rate": 0.1, "beta_2": 0.99}) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["adamw", "sgd", "lion"])
def test_weight_decay_is_decoupled_from_the_gradient(name):
    """Without a gradient the weight shrinks by the factor 1 - lr decay in each step."""
    settings = {"name": name, "learning_rate": 0.1, "weight_decay": 0.5}
    assert path(settings, gradients=(0.0, 0.0, 0.0)) == pytest.approx([0.95, 0.95**2, 0.95**3], rel=1e-6)


def test_lion_steps_by_the_sign():
    """0.9 m + 0.1 g with m = 0, 0.01, -0.0101, -0.005 is positive, negative, positive, positive."""
    assert path({"name": "lion", "learning_rate": 0.1}) == pytest.approx([0.9, 1.0, 0.9, 0.8])


def test_rmsprop_by_its_formula():
    weight, v, expected = 1.0, 0.0, []
    for gradient in GRADIENTS:
        v = 0.8 * v + 0.2 * gradient**2
        weight -= 0.1 * gradient / np.sqrt(v + 1e-7)
        expected.append(weight)
    assert path({"name": "rmsprop", "learning_rate": 0.1, "rho": 0.8}) == pytest.approx(expected, rel=1e-5)


def test_clipping_scales_all_gradients_together():
    """(3, 4) has norm 5 over both weights: with norm 1 it becomes (0.6, 0.8). Below the norm nothing changes."""
    optimizer = make(OPTIMIZERS.parse({"name": "sgd", "learning_rate": 1.0, "global_clipnorm": 1.0}))
    weights = [keras.Variable(0.0), keras.Variable(0.0)]
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in (3.0, 4.0)], weights)
    assert [float(w.numpy()) for w in weights] == pytest.approx([-0.6, -0.8])
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in (0.3, 0.4)], weights)
    assert [float(w.numpy()) for w in weights] == pytest.approx([-0.9, -1.2])


def test_accumulation_steps_once_by_the_mean_gradient():
    weights = path({"name": "sgd", "learning_rate": 0.1}, gradients=(1.0, 3.0, -2.0, 4.0), gradient_accumulation=2)
    assert weights == pytest.approx([1.0, 0.8, 0.8, 0.7])


def test_accumulation_reads_the_schedule_by_the_batch():
    """cosine over 4 batches: the two steps come after batches 2 and 4, at the learning rates of k = 1 and 3."""
    schedule = SCHEDULES.parse("cosine").build(1.0, 4, 1)
    weights = path(
        "sgd", gradients=(1.0,) * 4, start=0.0, learning_rate=schedule.learning_rate, gradient_accumulation=2
    )
    rate = [(1 + np.cos(np.pi * k / 4)) / 2 for k in (1, 3)]
    assert weights == pytest.approx([0.0, -rate[0], -rate[0], -rate[0] - rate[1]], abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"name": "adamw", "clip": 1.0}, "clip: unknown key."),
        ({"name": "adamw", "learning_rate": 0}, "learning_rate: not valid. Expected greater than 0. Received 0."),
        ({"name": "adamw", "beta_1": 1.0}, "beta_1: not valid. Expected less than 1. Received 1.0."),
        ({"name": "adamv"}, "name: unknown optimizer. Did you mean 'adam"),
    ],
)
def test_mistakes_are_named(settings, text):
    with pytest.raises(UserError) as caught:
        OPTIMIZERS.parse(settings)
    assert str(caught.value).startswith(text)
