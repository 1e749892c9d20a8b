"""The calorimeter's networks: each face goes where it belongs, and dead sensors say nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.core.libraries import tf
from app.layers.inputs import INPUT_LAYERS
from app.models import HEADS, MODELS
from app.models.blocks.calorimeter import MIRRORED
from app.models.blocks.image_layers import ChannelDropout, LearnedCentroids, NeighbourAggregation
from app.physics.xenon_calorimeter import FACES, SENSORS, neighbours, positions

COUNTS = {
    "calorimeter_encoder": {"tiny": 62_398, "small": 311_836, "medium": 1_631_800},
    "flat_mlp": {"tiny": 610_368, "small": 2_445_504, "medium": 4_915_648},
}
PRESETS = [(model, preset) for model in COUNTS for preset in COUNTS[model]]
TOKENS = {"inner": slice(0, 18), "outer": 18, "upstream": 19, "downstream": 20, "top": 21, "bottom": 22}
TOKENS["outer_centre"] = 23


def channels(events=4, seed=1):
    values = np.random.default_rng(seed).normal(size=(events, SENSORS, 4)).astype(np.float32)
    values[..., 2:] = 1.0
    return values


def raw(events=4):
    random = np.random.default_rng(1)
    light = random.gamma(0.5, 200, (events, SENSORS))
    return np.stack([light, random.normal(5e-9, 2e-9, light.shape)], -1).astype(np.float32)


def network(**options):
    """The smallest encoder on the channels of sensors."""
    inputs = {"sensors": keras.Input((SENSORS, 4), name="sensors")}
    features = MODELS.parse({"name": "calorimeter_encoder", "preset": "tiny", **options}).build(inputs)
    return keras.Model(inputs, HEADS.parse("linear").build(features, 2, "position_head"))


def from_raw(name="calorimeter_encoder", **options):
    """A model from raw readings, with two heads as in a multi-task job."""
    tensor = keras.Input((SENSORS, 2), name="sensors")
    layer = INPUT_LAYERS.parse("sensor_channels").build("sensors_layer")
    layer.adapt([raw()])
    features = MODELS.parse({"name": name, "preset": "tiny", **options}).build({"sensors": layer(tensor)})
    heads = {n: HEADS.parse("linear").build(features, k, f"{n}_head") for n, k in (("position", 3), ("energy", 1))}
    return keras.Model({"sensors": tensor}, heads)


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(1)
    return network()


@pytest.fixture(scope="module")
def deployed():
    keras.utils.set_random_seed(1)
    return from_raw(channel_dropout=0.1)


@pytest.mark.parametrize(("model", "preset"), PRESETS)
def test_presets_have_the_stated_numbers_of_parameters(model, preset):
    inputs = {"sensors": keras.Input((SENSORS, 4), name="sensors")}
    made = keras.Model(inputs, MODELS.parse({"name": model, "preset": preset}).build(inputs))
    assert made.count_params() == COUNTS[model][preset]
    assert f"{COUNTS[model][preset]:,}" in " ".join(MODELS[model].call.__doc__.split())


def test_sizes_replace_those_of_the_preset():
    model = network(channels=[4, 6, 8], width=12, blocks=0, attention_heads=3, centroids=5)
    assert [model.get_layer(f"inner_map_{n}").output.shape[1:] for n in (1, 2, 3)] == [
        (47, 22, 4),
        (24, 11, 6),
        (12, 6, 8),
    ]
    assert model.get_layer("tokens").output.shape == (None, 24, 12)
    assert model.get_layer("features_and_centroids").output.shape == (None, 2 * 12 + 3 * 5)
    assert not any("block" in layer.name for layer in model.layers)


@pytest.mark.parametrize("name", FACES)
def test_a_sensor_changes_the_tokens_of_its_own_face_alone(encoder, name):
    tokens = keras.Model(encoder.inputs, encoder.get_layer("tokens").output)
    calm = channels(1)
    shown = np.repeat(calm, 3, axis=0)
    for event, sensor in ((1, FACES[name].start), (2, FACES[name].stop - 1)):
        shown[event, sensor, 0] += 5.0
    found = np.asarray(tokens({"sensors": shown}))
    for event in (1, 2):
        changed = np.flatnonzero(np.abs(found[event] - found[0]).max(axis=-1) > 1e-6)
        assert len(changed)
        assert set(changed) <= set(np.atleast_1d(np.arange(24)[TOKENS[name]]))


def test_the_grid_of_the_inner_face_is_that_of_its_sensors(encoder):
    """The first map sees sensors that are near each other: row r, column c is sensor 44 r + c."""
    first = keras.Model(encoder.inputs, encoder.get_layer("inner").output)
    number = np.broadcast_to(np.arange(SENSORS, dtype=np.float32)[None, :, None], (1, SENSORS, 4))
    grid = np.asarray(first({"sensors": number}))[0, :, :, 0].astype(int)
    place = positions()[grid]
    assert np.linalg.norm(np.diff(place, axis=0), axis=-1).max() < 1.6
    assert np.linalg.norm(np.diff(place, axis=1), axis=-1).max() < 1.6


@pytest.mark.parametrize(("kind", "axis"), [("side", 2), ("end", 1)])
def test_mirrored_faces_share_their_weights_sensor_by_sensor(encoder, kind, axis):
    one, other = (FACES[name].sensors for name in MIRRORED[kind])
    mirror = np.ones(3)
    mirror[axis] = -1.0
    np.testing.assert_allclose(positions()[one] * mirror, positions()[other], atol=1e-9)
    shown = channels(1)
    swapped = shown.copy()
    swapped[:, one], swapped[:, other] = shown[:, other], shown[:, one]
    tokens = keras.Model(encoder.inputs, encoder.get_layer("tokens").output)
    before, after = (np.asarray(tokens({"sensors": x}))[0] for x in (shown, swapped))
    first, second = (TOKENS[name] for name in MIRRORED[kind])
    np.testing.assert_allclose(after[first], before[second], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after[second], before[first], rtol=1e-5, atol=1e-6)
    assert np.abs(before[first] - before[second]).max() > 1e-3


def test_the_embedding_tells_mirrored_faces_apart(encoder):
    vectors = np.asarray(encoder.get_layer("embedding").vectors)
    assert len(np.unique(vectors, axis=0)) == 24


@pytest.mark.parametrize("name", ["top", "outer_centre"])
def test_aggregation_is_the_loop_over_neighbours(name):
    table = neighbours(name)
    layer = NeighbourAggregation(table.tolist(), 5, "tanh")
    x = np.random.default_rng(1).normal(size=(2, len(table), 3)).astype(np.float32)
    found = np.asarray(layer(x))
    kernel, bias = (np.asarray(w) for w in layer.weights)
    for event in range(2):
        for sensor, row in enumerate(table):
            near = [x[event, j] for j in row if j >= 0]
            around = np.mean(near, axis=0)
            expected = np.tanh(x[event, sensor] @ kernel[:3] + around @ kernel[3:] + bias)
            np.testing.assert_allclose(found[event, sensor], expected, rtol=1e-4, atol=1e-5)


def test_aggregation_does_not_mind_the_numbering():
    """Sensors in another order, with the table in that order, give the same features in that order."""
    table, random = neighbours("top"), np.random.default_rng(1)
    order = random.permutation(len(table))
    place = np.argsort(order)
    renumbered = np.where(table[order] >= 0, place[table[order]], -1)
    one, other = (NeighbourAggregation(t.tolist(), 4, "gelu") for t in (table, renumbered))
    x = random.normal(size=(2, len(table), 3)).astype(np.float32)
    one.build(x.shape)
    other.build(x.shape)
    other.set_weights(one.get_weights())
    np.testing.assert_allclose(other(x[:, order]), np.asarray(one(x))[:, order], rtol=1e-5, atol=1e-6)


def test_a_sensor_without_neighbours_sees_itself():
    layer = NeighbourAggregation([[1, -1], [0, -1], [-1, -1]], 2, "relu")
    x = np.ones((1, 3, 2), np.float32)
    layer.build(x.shape)
    layer.set_weights([np.array([[1, 0], [0, 1], [10, 0], [0, 10]], np.float32), np.zeros(2, np.float32)])
    np.testing.assert_allclose(layer(x)[0], [[11, 11], [11, 11], [1, 1]])


def test_centroids_by_hand():
    layer = LearnedCentroids(1)
    cells = np.zeros((3, 3, 5, 1), np.float32)
    cells[0, 2, 4] = 2.0  # one bright cell in a corner; nothing at all in event 2
    cells[1, 0, 0], cells[1, 0, 4] = 1.0, 2.0
    layer.build(cells.shape)
    layer.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
    edge = np.sqrt(3)
    expected = [[edge, edge, np.log(4)], [-edge, edge * (4 - 1) / 5, np.log(5)], [0, 0, np.log(1e-3)]]
    np.testing.assert_allclose(np.asarray(layer(cells)) * [1, 1, 4], expected, rtol=2e-3, atol=1e-6)


def test_what_a_dead_sensor_reads_does_not_matter(deployed):
    values = raw(2)
    dead = np.random.default_rng(3).random((2, SENSORS)) < 0.1
    expected = None
    for anything in (np.nan, 1e10, -np.inf):
        values[dead] = anything
        found = deployed({"sensors": values})
        expected = expected or found
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
        assert all(np.isfinite(value).all() for value in found.values())


def test_channel_dropout_makes_whole_sensors_dead_in_training_only():
    layer, x = ChannelDropout(0.2, seed=1), channels(6)
    assert np.array_equal(layer(x), x)
    rough = np.asarray(layer(x, training=True))
    dead = np.all(rough == 0, axis=-1)
    assert np.array_equal(rough[~dead], x[~dead])
    assert dead.mean() == pytest.approx(0.2, abs=5 * np.sqrt(0.16 / dead.size))
    assert not np.array_equal(dead[0], dead[1])
    assert not np.array_equal(np.asarray(layer(x, training=True)), rough)


def test_dropout_goes_on_from_the_state_of_its_variable(encoder):
    """What a checkpoint restores: the seed generator is among the variables of the model, not of its weights."""
    model = network(channel_dropout=0.3, blocks=0, width=4, channels=[2, 2, 2])
    states = [v for v in model.variables if "seed" in v.path]
    assert len(states) == 1
    assert not any("seed" in v.path for v in model.trainable_variables)
    kept, x = np.asarray(states[0]), {"sensors": channels(2)}
    first, second = (np.asarray(model(x, training=True)) for _ in range(2))
    states[0].assign(kept)
    again = np.asarray(model(x, training=True))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not any("dropout" in layer.name for layer in encoder.layers)


def step(model, values):
    """Return outputs and gradients of a training step's loss."""
    with tf.GradientTape() as tape:
        found = model({"sensors": values}, training=True)
        loss = sum(keras.ops.mean((value - 1.0) ** 2) for value in found.values())
    return loss, tape.gradient(loss, model.trainable_variables)


def test_gradients_are_finite_for_events_without_any_reading(deployed):
    values = raw(2)
    assert all(np.any(np.asarray(g)) for g in step(deployed, values)[1])
    for event in (1, 0):
        values[event] = np.nan
        loss, gradients = step(deployed, values)
        assert np.isfinite(loss)
        assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.slow
def test_the_compiled_step_is_the_same():
    keras.utils.set_random_seed(1)
    model, values = from_raw(), raw(2)
    values[1] = np.nan
    compiled = tf.function(lambda x: step(model, x), jit_compile=True)
    (found_loss, found), (loss, gradients) = compiled(values), step(model, values)
    np.testing.assert_allclose(found_loss, loss, rtol=1e-4)
    for one, other in zip(found, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(other).max()))


@pytest.mark.parametrize("name", COUNTS)
def test_saved_and_loaded_gives_the_same_values(name, deployed, tmp_path):
    model = deployed if name == "calorimeter_encoder" else from_raw(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found, expected = loaded({"sensors": raw(2)}), model({"sensors": raw(2)})
    assert all(np.array_equal(found[task], expected[task]) for task in ("position", "energy"))


def test_an_event_does_not_see_the_others(deployed):
    x = raw(3)
    alone, together = deployed({"sensors": x[1:2]}), deployed({"sensors": x})
    for task in together:
        np.testing.assert_allclose(alone[task], np.asarray(together[task])[1:2], rtol=1e-4, atol=1e-5)


def test_mixed_precision_gives_nearly_the_same(deployed):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = from_raw()
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights([np.asarray(w) for w in deployed.weights if "seed" not in w.path])
    bright = raw(3)
    bright[0, 100] = 1e5, 5e-9  # a gamma that stops in front of one sensor
    found, expected = model({"sensors": bright}), deployed({"sensors": bright})
    assert keras.backend.standardize_dtype(model.get_layer("inner_map_1").compute_dtype) == "float16"
    for task in expected:
        np.testing.assert_allclose(found[task], expected[task], atol=0.02 * np.abs(expected[task]).max())


def test_flat_mlp_is_the_perceptron_of_all_channels():
    inputs = {"sensors": keras.Input((SENSORS, 4), name="sensors")}
    options = {"name": "flat_mlp", "hidden": [3], "activation": "tanh"}
    model, x = keras.Model(inputs, MODELS.parse(options).build(inputs)), channels(2)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model({"sensors": x}), np.tanh(x.reshape(2, -1) @ kernel + bias), atol=1e-4)


def test_one_model_has_two_names():
    assert MODELS.parse("calorimeter_multihead").name == "calorimeter_encoder"


@pytest.mark.parametrize("name", COUNTS)
def test_other_data_are_one_clear_mistake(name):
    with pytest.raises(UserError) as caught:
        MODELS.parse(name).build({"state": keras.Input((6,), name="state")})
    assert str(caught.value) == (
        f"model.name: '{name}' looks at photon sensors, which these data do not have. "
        "Expected an input 'sensors', as of photon_sensors. Received ['state']."
    )
    with pytest.raises(UserError, match=r"Expected an input 'sensors' of 4760 sensors by 4 channels. Received \(10, 2"):
        MODELS.parse(name).build({"sensors": keras.Input((10, 2), name="sensors")})


def test_mlp_on_sensors_names_the_model_that_is_meant():
    with pytest.raises(UserError, match=r"model.name: the model takes rows .* 'sensors' .* Expected .*'flat_mlp'"):
        MODELS.parse("mlp").build({"sensors": keras.Input((SENSORS, 4), name="sensors")})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 30, "attention_heads": 4}, "model.width: the attention heads cannot share it. Expected a multiple"),
        ({"channels": [8, 8]}, "channels.2: "),
        ({"blocks": -1}, "blocks: not valid. Expected greater than or equal to 0. Received -1"),
        ({"channel_dropout": 1.0}, "channel_dropout: not valid. Expected less than 1. Received 1.0"),
        ({"preset": "large"}, "preset: not valid. Expected 'tiny', 'small' or 'medium'. Received 'large'"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(UserError) as caught:
        network(**options)
    assert message in str(caught.value)
