"""The ADC layer: formulas by hand, charge kept by the sum over ticks, and the same values after every detour."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.layers.inputs import INPUT_LAYERS

FORMULAS = {
    "raw": lambda a, s: a / s,
    "log": lambda a, s: np.log1p(np.maximum(a, 0)) / s,
    "asinh": lambda a, s: np.arcsinh(a / s),
    "per_image": lambda a, s: a / a.max(axis=(1, 2), keepdims=True),
}
every_normalization = pytest.mark.parametrize("normalization", FORMULAS)


def images(rows=6, shape=(8, 4), seed=1):
    """ADC values of mostly empty images, a few of them negative."""
    rng = np.random.default_rng(seed)
    charge = rng.uniform(-100, 900, (rows, *shape)) * (rng.uniform(size=(rows, *shape)) < 0.2)
    charge[(slice(None), *(0 for _ in shape[:2]))] = 500.0
    return np.round(charge).astype(np.float32)


def layer(normalization="asinh", blocks=None, **options):
    made = INPUT_LAYERS.parse({"name": "adc", "normalization": normalization, **options}).build("plane_x_layer")
    made.adapt(iter([images()] if blocks is None else blocks))
    return made


@every_normalization
def test_is_the_formula_with_the_scale_of_the_training_images(normalization):
    raw = images(50)
    made = layer(normalization, [raw[:20], raw[20:]])
    values = raw.astype(np.float64)
    values = np.log1p(np.maximum(values, 0)) if normalization == "log" else values
    scale = np.sqrt(np.mean(np.square(values[values != 0])))
    if normalization != "per_image":
        np.testing.assert_allclose(made.scale, [scale], rtol=1e-12)
    found = np.asarray(made(raw))
    assert found.shape == (50, 8, 4, 1)
    np.testing.assert_allclose(found[..., 0], FORMULAS[normalization](raw, scale), rtol=1e-5, atol=1e-7)


@every_normalization
@pytest.mark.parametrize("sum_ticks", [1, 4])
def test_an_empty_pixel_is_exactly_0_and_so_is_an_empty_image(normalization, sum_ticks):
    raw = images()
    raw[2] = 0.0
    raw[3] = -np.abs(raw[3])  # of an undershoot alone per_image has no maximum either
    found = np.asarray(layer(normalization, [images()], sum_ticks=sum_ticks)(raw))
    empty = raw.reshape(6, 8 // sum_ticks, sum_ticks, 4).sum(axis=2) == 0
    assert np.isfinite(found).all()
    assert not found[..., 0][empty].any()
    assert not found[2].any()


@every_normalization
def test_of_four_ticks_in_one_no_charge_is_lost(normalization):
    raw = images(3)
    by_hand = np.stack([raw[:, :4].sum(axis=1), raw[:, 4:].sum(axis=1)], axis=1)
    one, other = layer(normalization, [raw], sum_ticks=4), layer(normalization, [by_hand])
    assert one.scale == other.scale
    np.testing.assert_allclose(one(raw), other(by_hand), rtol=1e-6)
    if normalization == "raw":
        np.testing.assert_allclose(np.sum(one(raw)) * one.scale[0], raw.sum(), rtol=1e-5)


def test_time_may_run_along_the_columns():
    raw = images(5, (4, 12))
    turned = layer("raw", [raw], sum_ticks=3, ticks="columns")
    upright = layer("raw", [raw.swapaxes(1, 2)], sum_ticks=3)
    assert turned(raw).shape == (5, 4, 4, 1)
    np.testing.assert_allclose(turned(raw), np.swapaxes(upright(raw.swapaxes(1, 2)), 1, 2), rtol=1e-6)


@every_normalization
def test_each_plane_of_a_volume_has_its_own_scale(normalization):
    raw = images(5, (4, 6, 3)) * np.array([1, 4, 16], np.float32)
    whole = layer(normalization, [raw])
    assert whole(raw).shape == (5, 4, 6, 3)
    for plane in range(3):
        one = layer(normalization, [raw[..., plane]])
        np.testing.assert_allclose(whole(raw)[..., plane], one(raw[..., plane])[..., 0], rtol=1e-6)
    if normalization in ("raw", "asinh"):
        assert len(whole.scale) == 3


def test_per_image_does_not_see_the_energy_and_asinh_does():
    raw = images()
    np.testing.assert_allclose(layer("per_image")(raw), layer("per_image")(7 * raw), rtol=1e-6)
    assert np.all(np.abs(layer()(7 * raw)) >= np.abs(layer()(raw)))


def test_a_given_scale_is_used_and_no_block_read():
    made = layer("asinh", (1 / 0 for _ in range(1)), scale=60.0)
    np.testing.assert_allclose(made(images())[..., 0], np.arcsinh(images() / 60), rtol=1e-6)


@every_normalization
@pytest.mark.parametrize("shape", [(8, 4), (8, 4, 3)])
def test_saved_and_loaded_gives_the_same_bits(normalization, shape, tmp_path):
    made = layer(normalization, [images(6, shape)], sum_ticks=2)
    inputs = keras.Input(shape, name="plane_x")
    keras.Model(inputs, made(inputs)).save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras")
    np.testing.assert_array_equal(loaded(images(6, shape)), made(images(6, shape)))


@every_normalization
def test_is_single_precision_under_mixed_precision(normalization):
    """The sum of an image's ADC values is no number of float16, which ends at 65,504."""
    raw = images() * 1000
    keras.config.set_dtype_policy("mixed_float16")
    try:
        made = layer(normalization, [raw], sum_ticks=8)
        inputs = keras.Input((8, 4))
        found = keras.Model(inputs, made(inputs))(raw)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_array_equal(found, layer(normalization, [raw], sum_ticks=8)(raw))


def test_blocks_are_taken_in_portions(monkeypatch):
    whole = layer().scale
    monkeypatch.setattr("app.layers.adc.AT_ONCE", 50)
    np.testing.assert_allclose(layer().scale, whole, rtol=1e-14)


@pytest.mark.parametrize(
    ("block", "options", "text"),
    [
        (np.zeros((3, 8, 4)), {}, "dataset: no image of the training split has charge."),
        (images() * np.nan, {}, "dataset: an image of the training split has a value that is not finite."),
        (
            images(),
            {"sum_ticks": 3},
            "dataset.sum_ticks: the 8 ticks of an image cannot be summed in groups of 3. "
            "Expected one of 1, 2, 4, 8. Received 3.",
        ),
    ],
)
def test_what_cannot_be_scaled(block, options, text):
    with pytest.raises(UserError) as caught:
        layer("asinh", [block], **options)
    assert str(caught.value) == text


@every_normalization
def test_ticks_that_do_not_divide_are_found_without_adapting(normalization):
    made = INPUT_LAYERS.parse({"name": "adc", "normalization": normalization, "sum_ticks": 5}).build("layer")
    with pytest.raises(UserError, match=r"^dataset.sum_ticks: the 8 ticks .* Expected one of 1, 2, 4, 8. Received 5.$"):
        made(keras.Input((8, 4)))


def test_a_plane_without_charge_is_found_among_others():
    raw = images(5, (4, 6, 3)) * np.array([1, 0, 1], np.float32)
    with pytest.raises(UserError, match="no image of the training split has charge"):
        layer("asinh", [raw])


@every_normalization
def test_it_uses_no_operation_that_onnx_lacks(normalization):
    """ONNX has no log1p: the export would only warn, and the file could not be loaded."""
    import tensorflow as tf

    made = layer(normalization, sum_ticks=2)
    made(images())
    traced = tf.function(made).get_concrete_function(tf.TensorSpec((None, 8, 4), tf.float32))
    used = {operation.type for operation in traced.graph.get_operations()}
    assert used & {"Sum"}
    assert not used & {"Log1p", "Expm1"}
