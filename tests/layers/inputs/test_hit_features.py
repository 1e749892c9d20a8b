"""Scaled features of hits, and differences of layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.layers.inputs import INPUT_LAYERS


def make(name, **options):
    return INPUT_LAYERS.parse({"name": name, **options}).build(f"{name}_layer")


def again(layer):
    return type(layer).from_config(layer.get_config())


def test_scales_keep_zeros_and_are_exact():
    layer = make("hit_features", scales=[1e-3, 2.0])
    layer.adapt([np.ones((4, 2))])
    hits = np.array([[[5000.0, -3.0], [0.0, 0.0]]], np.float32)
    np.testing.assert_allclose(layer(hits), [[[5.0, -6.0], [0.0, 0.0]]], rtol=1e-6)


def test_standardised_over_all_hits_of_all_blocks():
    hits = np.random.default_rng(1).normal([3e3, -7.0], [200.0, 0.5], (500, 2))
    layer = make("hit_features", scales=[1e-3, 1.0], standardize=True)
    layer.adapt([hits[:100], hits[100:]])
    seen = np.asarray(again(layer)(hits[None].astype(np.float32)))[0]
    np.testing.assert_allclose(seen.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(seen.std(axis=0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(layer.mean, (hits * [1e-3, 1.0]).mean(axis=0), rtol=1e-9)


def test_no_hit_at_all_is_an_error():
    with pytest.raises(UserError, match="no event of the training split has a hit"):
        make("hit_features", scales=[1.0], standardize=True).adapt([np.empty((0, 1))])


LAYERS = np.array([[[10.0, 1], [14.0, 1], [0, 0]], [[20.0, 1], [0, 0], [26.0, 1]], [[12.0, 1], [20.0, 1], [0, 0]]])


def test_differences_of_layers_that_are_there():
    layer = make("layer_differences")
    layer.adapt([LAYERS[:2], LAYERS[2:]])
    seen = np.asarray(again(layer)(LAYERS.astype(np.float32)))
    assert seen.shape == tuple(layer.compute_output_shape((3, 3, 2))) == (3, 12)
    first = np.array([10.0, 20.0, 12.0])
    np.testing.assert_allclose(seen[:, 0], (first - first.mean()) / first.std(), rtol=1e-6)
    bend = np.array([4.0, 8.0])  # of the first layer to the second, in the events that have both
    expected = 0.5 * np.arcsinh(8.0 * (bend - 6.0) / 2.0)
    np.testing.assert_allclose(seen[[0, 2], 3], (bend - 6.0) / 2.0, rtol=1e-5)
    np.testing.assert_allclose(seen[[0, 2], 6], expected, rtol=1e-5)
    assert seen[1, 3] == seen[1, 6] == 0.0
    np.testing.assert_array_equal(seen[:, 9:], LAYERS[..., 1])
    assert not seen[:, [5, 8]].any()  # the second and the third layer never have a hit together


def test_an_angle_is_a_bend_by_itself():
    layer = make("layer_differences", angles=[0])
    layer.adapt([LAYERS])
    seen = np.asarray(again(layer)(LAYERS.astype(np.float32)))
    assert seen.shape == tuple(layer.compute_output_shape((3, 3, 2))) == (3, 9)
    np.testing.assert_allclose(seen[:, 5], 0.5 * np.arcsinh(8.0 * seen[:, 0]), rtol=1e-5)
    assert not seen[:, 3].any()  # of the second and third layer


def test_values_alone():
    layer = make("layer_differences", pairs=False)
    layer.adapt([LAYERS])
    assert np.asarray(layer(LAYERS)).shape == tuple(layer.compute_output_shape((3, 3, 2))) == (3, 6)


def test_no_hit_in_any_layer_is_an_error():
    with pytest.raises(UserError, match="no layer of the training split has a hit"):
        make("layer_differences").adapt([np.zeros((4, 3, 2))])


def test_both_are_saved_with_a_model(tmp_path):
    hits, layers = keras.Input((None, 2)), keras.Input((3, 2))
    one, two = make("hit_features", scales=[1e-3, 1.0], standardize=True), make("layer_differences")
    one.adapt([np.random.default_rng(1).normal(size=(9, 2))])
    two.adapt([LAYERS])
    model = keras.Model([hits, layers], [one(hits), two(layers)])
    model.save(tmp_path / "model.keras")
    inputs = [np.ones((3, 5, 2), np.float32), LAYERS.astype(np.float32)]
    for a, b in zip(model(inputs), keras.models.load_model(tmp_path / "model.keras")(inputs), strict=True):
        np.testing.assert_array_equal(a, b)
