"""Sensor channels by their numbers: scaled light, time and masks, and what invalid readings may not do."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.core.libraries import tf
from app.layers.inputs import INPUT_LAYERS

SCALINGS = {
    "linear": lambda n: n,
    "sqrt": lambda n: np.sign(n) * np.sqrt(np.abs(n)),
    "log1p": lambda n: np.sign(n) * np.log1p(np.abs(n)),
    "anscombe": lambda n: 2 * np.sign(n + 3 / 8) * np.sqrt(np.abs(n + 3 / 8)),
}
every_scaling = pytest.mark.parametrize("scaling", SCALINGS)


def readings(events=40, sensors=7):
    """Photons with a pedestal that goes below 0 and times around 5 ns; a few of each are invalid."""
    random = np.random.default_rng(1)
    photons = random.normal(random.gamma(0.5, 200, (events, sensors)), 1.0)
    raw = np.stack([photons, random.normal(5e-9, 2e-9, (events, sensors))], -1).astype(np.float32)
    raw[3, 2, 0], raw[4, 0, 0], raw[5, 1, 0] = np.nan, 1e10, np.inf
    raw[3, 2, 1], raw[6, :, 1] = np.nan, 9.9e9
    return raw


def adapted(scaling="sqrt", raw=None):
    layer = INPUT_LAYERS.parse({"name": "sensor_channels", "scaling": scaling}).build("sensors_layer")
    layer.adapt(np.array_split(readings() if raw is None else raw, 3))
    return layer


@every_scaling
def test_is_the_standardised_scaling_of_what_is_valid(scaling):
    raw = readings()
    light, time, valid_light, valid_time = np.moveaxis(np.asarray(adapted(scaling)(raw)), -1, 0)
    known = [np.isfinite(raw[..., k]) & (np.abs(raw[..., k]) < 9e9) for k in (0, 1)]
    assert np.array_equal(valid_light, known[0])
    assert np.array_equal(valid_time, known[1])
    for found, valid, values in (
        (light, known[0], SCALINGS[scaling](raw[..., 0].astype(np.float64))),
        (time, known[1], raw[..., 1].astype(np.float64)),
    ):
        expected = (values - values[valid].mean()) / values[valid].std()
        np.testing.assert_allclose(found[valid], expected[valid], rtol=1e-5, atol=2e-6)
        assert np.all(found[~valid] == 0.0)


def test_a_perfect_square_by_hand():
    layer = INPUT_LAYERS.parse("sensor_channels").build("sensors_layer")
    np.testing.assert_allclose(layer(np.array([[[49.0, 3e-9], [-4.0, np.nan]]])), [[[7, 3, 1, 1], [-2, 0, 1, 0]]])


@every_scaling
def test_light_below_zero_is_not_cut_off(scaling):
    n = np.linspace(-5, 5, 101).astype(np.float32)
    layer = INPUT_LAYERS.parse({"name": "sensor_channels", "scaling": scaling}).build("sensors_layer")
    found = np.asarray(layer(np.stack([n, n], -1)[None]))[0, :, 0]
    assert np.all(np.diff(found) > 0)


def test_anscombe_makes_photon_statistics_one():
    raw = np.random.default_rng(2).poisson([[10, 50, 1000]], (40000, 3)).astype(np.float32)
    layer = INPUT_LAYERS.parse({"name": "sensor_channels", "scaling": "anscombe"}).build("sensors_layer")
    spread = np.asarray(layer(np.stack([raw, raw], -1)))[..., 0].std(axis=0)
    np.testing.assert_allclose(spread, 1.0, atol=0.02)


def test_picoseconds_survive():
    raw = np.array([[[1, 1e-7], [1, 1e-7 + 1e-12]]], np.float32)
    layer = adapted()
    step = np.diff(np.asarray(layer(raw))[0, :, 1])[0] * layer.time["std"]
    assert step == pytest.approx(1e-3, rel=0.02)  # [ns]; 7e-15 s is the spacing of float32 there


@pytest.mark.parametrize("anything", [np.nan, np.inf, -np.inf, 9.1e9, -9.1e9, 3e38])
def test_what_stands_in_an_invalid_reading_does_not_matter(anything):
    raw, other = readings(), readings()
    other[~(np.abs(raw) < 9e9)] = anything
    assert np.array_equal(adapted()(raw), adapted(raw=other)(other))


@every_scaling
def test_gradients_are_finite_where_there_is_nothing(scaling):
    raw = np.full((3, 7, 2), np.nan, np.float32)
    raw[1], raw[2] = 0.0, -0.375
    values, layer = tf.constant(raw), adapted(scaling)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(layer(values) ** 2)
    assert np.all(np.isfinite(tape.gradient(total, values)))


def test_saved_and_loaded_gives_the_same_values(tmp_path):
    raw = readings()
    tensor = keras.Input((7, 2), name="sensors")
    model = keras.Model(tensor, adapted("anscombe")(tensor))
    model.save(tmp_path / "model.keras")
    assert np.array_equal(model(raw), keras.saving.load_model(tmp_path / "model.keras")(raw))


def test_mixed_precision_and_xla_change_nothing():
    raw = readings()
    expected = np.asarray(adapted()(raw))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = adapted()
    finally:
        keras.config.set_dtype_policy("float32")
    found = tf.function(layer, jit_compile=True)(raw)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_onnx_takes_invalid_readings_for_invalid(tmp_path):
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    raw = readings()
    raw[0], raw[1], raw[2] = np.nan, np.inf, -np.inf
    tensor = keras.Input((7, 2), name="sensors")
    model = keras.Model(tensor, adapted()(tensor))
    signature = [keras.InputSpec(shape=(None, 7, 2), dtype="float32", name="sensors")]
    model.export(tmp_path / "model.onnx", format="onnx", input_signature=signature, verbose=False)
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(None, {session.get_inputs()[0].name: raw})[0]
    np.testing.assert_allclose(found, model(raw), rtol=1e-5, atol=1e-6)


def test_blocks_are_read_once_and_make_no_difference():
    raw = readings()
    whole, streamed = adapted(raw=raw), INPUT_LAYERS.parse("sensor_channels").build("sensors_layer")
    streamed.adapt(raw[[row]] for row in range(len(raw)))
    for name in ("light", "time"):
        assert getattr(streamed, name) == pytest.approx(getattr(whole, name), rel=1e-12)


def test_data_without_times_or_without_light():
    raw = readings()
    raw[..., 1] = np.nan
    found = np.asarray(adapted(raw=raw)(raw))
    assert np.all(found[..., [1, 3]] == 0)
    assert np.isfinite(found).all()
    with pytest.raises(UserError, match="dataset: no sensor of the training split has a valid number of photons"):
        adapted(raw=np.full((3, 7, 2), np.nan))


def test_a_scaling_that_is_none():
    with pytest.raises(UserError, match=r"scaling: not valid\. Expected 'log1p', 'sqrt', 'anscombe' or 'linear'"):
        INPUT_LAYERS.parse({"name": "sensor_channels", "scaling": "square"})
