"""Networks of hits: by their formulas, blind to order and padding, finite for events without hits."""

from __future__ import annotations

import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.models import MODELS, SCORES
from app.models.blocks.hit_layers import (
    FAR,
    TYPICAL_HITS,
    AssignmentPooling,
    ClassToken,
    ClearedPadding,
    Deviations,
    HitProbability,
    HitSum,
    masked_medians,
)

FEATURES = 3
SPECS = [
    {"name": "hit_pooling", "encoder": [8], "hidden": [6]},
    {"name": "hit_pooling", "encoder": [8, 8], "blocks": 1, "attention_heads": 2, "hidden": [6], "dropout": 0.1},
    {"name": "deep_sets", "phi": [8, 8], "rho": [6]},
    {"name": "hit_transformer", "embedding": [8], "width": 8, "attention_heads": 2, "hidden": [6], "dropout": 0.1},
    {"name": "hit_transformer", "width": 8, "attention_heads": 2, "pool": "mean", "hidden": [6]},
]
every_model = pytest.mark.parametrize("spec", SPECS, ids=lambda s: "-".join(map(str, s.values())))


def event_tensors(rows=6, hits=9, seed=1):
    """Events with 0, 1, 2, ... hits: the mask is 1 for the first ones, and the padding is 0."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(hits) < np.arange(rows)[:, None]).astype(np.float32)
    return {"hits": rng.normal(size=(rows, hits, FEATURES)).astype(np.float32) * mask[..., None], "mask": mask}


def network(spec):
    keras.utils.set_random_seed(3)
    seen = {"hits": keras.Input((None, FEATURES), name="hits"), "mask": keras.Input((None,), name="mask")}
    found = keras.Model(seen, MODELS.parse(spec).build(seen))
    rng = np.random.default_rng(2)
    for weight in found.weights:  # biases and moving averages too
        if weight.dtype == "float32":
            weight.assign(np.abs(weight + 0.3 * rng.normal(size=weight.shape)) if "variance" in weight.name else weight)
    return found


@functools.cache
def _built(text):
    return network(json.loads(text))


def built(spec):
    """Return a network that tests share which change nothing in it."""
    return _built(json.dumps(spec))


def outputs(model, tensors):
    found = model(tensors, training=False)
    found = found if isinstance(found, dict) else {"features": found}
    return {name: np.asarray(values) for name, values in found.items()}


@every_model
def test_order_of_the_hits_does_not_matter(spec):
    model, tensors = built(spec), event_tensors()
    order = np.random.default_rng(5).permutation(9)
    direct = outputs(model, tensors)
    mixed = outputs(model, {name: values[:, order] for name, values in tensors.items()})
    np.testing.assert_allclose(mixed["features"], direct["features"], rtol=1e-4, atol=1e-5)
    if SCORES in direct:
        there = tensors["mask"][:, order] > 0
        np.testing.assert_allclose(mixed[SCORES][there], direct[SCORES][:, order][there], rtol=1e-4, atol=1e-5)
    assert np.ptp(direct["features"], axis=0).max() > 1e-3


@every_model
@pytest.mark.parametrize("filling", [0.0, 1e4, np.nan])
def test_padding_does_not_matter(spec, filling):
    model, tensors = built(spec), event_tensors()
    there = tensors["mask"] > 0
    more = np.full((6, 20, FEATURES), filling, np.float32)
    more[:, :9][there] = tensors["hits"][there]
    padded = {"hits": more, "mask": np.pad(tensors["mask"], ((0, 0), (0, 11)))}
    direct, found = outputs(model, tensors), outputs(model, padded)
    np.testing.assert_allclose(found["features"], direct["features"], rtol=1e-4, atol=1e-5)
    if SCORES in direct:
        np.testing.assert_allclose(found[SCORES][:, :9][there], direct[SCORES][there], rtol=1e-4, atol=1e-5)


@every_model
def test_gradients_are_finite_for_events_without_hits(spec):
    model, tensors = network(spec), event_tensors()
    for chosen in (slice(None), slice(0, 1)):  # the first has none at all
        with tf.GradientTape() as tape:
            some = {name: tf.constant(values[chosen]) for name, values in tensors.items()}
            tape.watch(some["hits"])
            found = model(some, training=True)
            features = found["features"] if isinstance(found, dict) else found
            loss = tf.reduce_sum(features**2)
        gradients = tape.gradient(loss, [*model.trainable_weights, some["hits"]], unconnected_gradients="zero")
        assert np.isfinite(loss)
        assert np.isfinite(features).all()
        assert all(np.isfinite(g).all() for g in gradients)
    assert all(np.isfinite(weight).all() for weight in model.weights)  # moving averages of an empty batch too


@every_model
def test_every_weight_is_reached(spec):
    """By the task alone: the threshold is below the probability that a score begins at."""
    model, tensors = built(spec), event_tensors()
    with tf.GradientTape() as tape:
        found = model(tensors, training=False)
        loss = tf.reduce_sum((found["features"] if isinstance(found, dict) else found) ** 2)
    gradients = tape.gradient(loss, model.trainable_weights)
    unreached = [w.path for w, g in zip(model.trainable_weights, gradients, strict=True) if g is None]
    assert not unreached


@every_model
def test_saved_and_loaded(spec, tmp_path):
    model, tensors = built(spec), event_tensors()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for name, values in outputs(model, tensors).items():
        np.testing.assert_array_equal(outputs(again, tensors)[name], values)


def test_assignment_pooling_by_hand():
    """Three hits with p = 0.5, 0.8 and 0.05, of which the last is below the threshold, and one of padding."""
    p = np.array([[0.5, 0.8, 0.05, 0.99]], np.float32)
    hits = np.array([[[1, -4], [3, -2], [100, 100], [500, 500]]], np.float32)
    tensors = {"hits": hits, "mask": np.array([[1, 1, 1, 0]], np.float32), "scores": np.log(p / (1 - p))}
    found = np.asarray(AssignmentPooling(0.1)(tensors))
    mean = np.array([0.5 * 1 + 0.8 * 3, 0.5 * -4 + 0.8 * -2])
    expected = [*mean / 1.3, *mean / TYPICAL_HITS, 3, -2, 1, -4]
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_nothing_above_the_threshold_gives_zeros_and_no_gradient():
    scores = tf.Variable(np.full((2, 3), -5, np.float32))
    hits = tf.Variable(np.ones((2, 3, 2), np.float32))
    with tf.GradientTape() as tape:
        found = AssignmentPooling(0.1)({"hits": hits, "mask": np.ones((2, 3), np.float32), "scores": scores})
        loss = tf.reduce_sum(found)
    assert not np.any(found)
    assert not any(np.any(gradient) for gradient in tape.gradient(loss, [scores, hits]))


def test_gradient_of_the_pooling_is_that_of_its_values():
    rng = np.random.default_rng(4)
    hits, mask = rng.normal(size=(1, 5, 2)).astype(np.float32), np.array([[1, 1, 1, 1, 0]], np.float32)
    scores = rng.normal(size=(1, 5)).astype(np.float32)
    weight = rng.normal(size=8).astype(np.float32)

    def value(s):
        found = AssignmentPooling(0.1)({"hits": hits, "mask": mask, "scores": tf.constant(s)})
        return tf.reduce_sum(found * weight)

    moving = tf.Variable(scores)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(AssignmentPooling(0.1)({"hits": hits, "mask": mask, "scores": moving}) * weight)
    gradient = np.asarray(tape.gradient(loss, moving))
    steps = 1e-2 * np.eye(5, dtype=np.float32)
    numeric = [(value(scores + step) - value(scores - step)) / 2e-2 for step in steps]
    np.testing.assert_allclose(gradient[0], numeric, atol=2e-3)
    assert gradient[0, 4] == 0


def test_sum_mean_deviations_and_cleared_padding_by_hand():
    hits = np.array([[[1.0, 2.0], [3.0, 6.0], [np.nan, 7.0]]], np.float32)
    mask = np.array([[1, 1, 0]], np.float32)
    cleared = np.asarray(ClearedPadding()({"hits": hits, "mask": mask}))
    np.testing.assert_array_equal(cleared, [[[1, 2], [3, 6], [0, 0]]])
    tensors = {"hits": cleared, "mask": mask}
    np.testing.assert_allclose(HitSum()(tensors), [[4 / TYPICAL_HITS, 8 / TYPICAL_HITS]])
    np.testing.assert_allclose(HitSum(mean=True)(tensors), [[2, 4]])
    away = np.array([[[0, 0], [2, 4], [0, 0]]])  # from the lower median of two
    np.testing.assert_allclose(Deviations()(tensors)[..., :2], away)
    np.testing.assert_allclose(Deviations()(tensors)[..., 2:], np.arcsinh(1000 * away) / 4, rtol=1e-6)
    empty = {"hits": cleared, "mask": np.zeros((1, 3), np.float32)}
    assert not np.any(HitSum(mean=True)(empty))
    assert not np.any(Deviations()(empty))


def test_medians_are_those_of_the_hits_that_are_there():
    tensors = event_tensors(rows=8, hits=9)
    order = np.random.default_rng(7).permutation(9)
    found = np.asarray(masked_medians(tensors["hits"][:, order] + 0.0, tensors["mask"][:, order]))[:, 0]
    assert not found[0].any()
    for number in range(1, 8):
        ordered = np.sort(tensors["hits"][number, :number], axis=0)
        np.testing.assert_array_equal(found[number], ordered[(number - 1) // 2])


def test_probability_is_zero_in_the_padding():
    found = HitProbability()({"scores": np.zeros((1, 2), np.float32), "mask": np.array([[1, 0]], np.float32)})
    np.testing.assert_array_equal(found, [[0.5, 0]])


def test_class_token_stands_first_and_is_always_there():
    layer = ClassToken()
    tensors = {"tokens": np.ones((2, 3, 4), np.float32), "mask": np.zeros((2, 3), np.float32)}
    found = layer(tensors)
    assert found["tokens"].shape == (2, 4, 4)
    np.testing.assert_array_equal(found["mask"], [[1, 0, 0, 0]] * 2)
    np.testing.assert_array_equal(found["tokens"][1, 0], layer.token[0, 0])


def test_deep_sets_is_its_formula():
    """rho(sum phi / 32) with linear layers."""
    model = network({"name": "deep_sets", "phi": [4], "rho": [2], "deviations": False, "activation": "relu"})
    tensors = event_tensors()
    phi, phi_bias, rho, rho_bias = (np.asarray(w) for w in model.trainable_weights)
    each = np.maximum(tensors["hits"] @ phi + phi_bias, 0) * tensors["mask"][..., None]
    expected = np.maximum(each.sum(1) / TYPICAL_HITS @ rho + rho_bias, 0)
    np.testing.assert_allclose(outputs(model, tensors)["features"], expected, rtol=1e-5, atol=1e-6)


def test_deviations_are_divided_by_their_spread_over_hits_that_are_there():
    """After many batches the moving variance is the one over the hits, not over the padding."""
    model = network({"name": "deep_sets", "phi": [4], "rho": [2]})
    tensors = event_tensors(rows=60, hits=50)
    train = tf.function(lambda: model(tensors, training=True))
    for _ in range(250):
        train()
    layer = next(layer for layer in model.layers if layer.name == "deviations")
    there = tensors["mask"] > 0
    away = np.asarray(Deviations()(tensors))[there][:, :FEATURES]  # its own variance is 1
    np.testing.assert_allclose(layer.variance, np.mean(away**2, axis=0), rtol=1e-3)
    scaled = np.asarray(layer(tensors))[there][:, :FEATURES]
    np.testing.assert_allclose(np.mean(scaled**2, axis=0), 1, rtol=1e-3)
    np.testing.assert_allclose(layer(tensors, training=True), layer(tensors), rtol=1e-3, atol=1e-5)


def test_a_feature_that_is_far_off_is_no_maximum_of_nothing():
    assert FAR > 1e5
    with pytest.raises(UserError, match="a multiple of attention_heads, 4"):
        network({"name": "hit_transformer", "width": 30})
    with pytest.raises(UserError, match=r"model\.encoder.*multiple of attention_heads"):
        network({"name": "hit_pooling", "encoder": [64, 30], "blocks": 1})


def test_other_data_are_refused():
    with pytest.raises(UserError, match="'deep_sets' looks at the hits of an event, and the dataset has none"):
        MODELS.parse("deep_sets").build({"state": keras.Input((6,), name="state")})
