"""The MLP by its numbers, and what every registered model and head must do."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.models import HEADS, MODELS

COUNTS = {"tiny": 4868, "small": 17924, "medium": 100996, "wide": 430980}
FLAT = [c for c in MODELS if not (c.facts.images or c.facts.sensors or c.facts.hits)]
NETWORKS = [c for c in FLAT if c.facts.kind in ("features", "momentum")]
every_model = pytest.mark.parametrize("component", NETWORKS, ids=lambda c: c.name)
every_head = pytest.mark.parametrize("component", list(HEADS), ids=lambda c: c.name)


def network(spec="mlp", columns=6, outputs=4, inputs=None):
    """A model with a linear head, as a job builds it."""
    tensors = inputs or {"state": keras.Input((columns,), name="state")}
    parsed = MODELS.parse(spec)
    supplied = (tensors, tensors["state"][:, 4]) if parsed.component.facts.kind == "momentum" else (tensors,)
    features = parsed.build(*supplied)
    return keras.Model(tensors, HEADS.parse("linear").build(features, outputs, "state_head"))


def tracks(rows=8, columns=6):
    return np.random.default_rng(1).normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize(("preset", "count"), COUNTS.items())
def test_presets_have_the_stated_numbers_of_parameters(preset, count):
    assert network({"name": "mlp", "preset": preset}).count_params() == count
    assert f"{count:,} ({preset})" in MODELS["mlp"].call.__doc__


def test_hidden_sizes_replace_the_preset():
    model = network({"name": "mlp", "preset": "tiny", "hidden": [5, 3]})
    assert [w.shape for w in model.weights] == [(6, 5), (5,), (5, 3), (3,), (3, 4), (4,)]
    assert network({"name": "mlp", "preset": "tiny"}, columns=7).count_params() == 4868 + 64


@pytest.mark.parametrize("activation", ["tanh", "gelu", "silu", "relu", "elu", "softplus", "sigmoid"])
def test_is_the_formula_it_states(activation):
    model = network({"name": "mlp", "hidden": [5, 3], "activation": activation})
    x = tracks()
    w1, b1, w2, b2, w3, b3 = model.get_weights()
    act = keras.activations.get(activation)
    expected = act(act(x @ w1 + b1) @ w2 + b2) @ w3 + b3
    np.testing.assert_allclose(model({"state": x}), expected, rtol=1e-5, atol=1e-6)


def test_inputs_are_concatenated():
    inputs = {name: keras.Input((width,), name=name) for name, width in (("a", 2), ("b", 3))}
    model = network({"name": "mlp", "hidden": [4]}, inputs=inputs)
    a, b = tracks(5, 2), tracks(5, 3)
    w1, b1, w2, b2 = model.get_weights()
    expected = keras.activations.gelu(np.concatenate([a, b], 1) @ w1 + b1) @ w2 + b2
    np.testing.assert_allclose(model({"a": a, "b": b}), expected, rtol=1e-5, atol=1e-6)


def test_dropout_acts_in_training_only_and_keeps_the_mean():
    keras.utils.set_random_seed(1)
    model = network({"name": "mlp", "hidden": [4000], "dropout": 0.25, "activation": "relu"})
    hidden = keras.Model(model.inputs, model.get_layer("dropout_1").output)
    x = {"state": tracks(1)}
    calm, rough = (np.asarray(hidden(x, training=t)) for t in (False, True))
    kept = rough[calm > 0] / calm[calm > 0]
    np.testing.assert_allclose(np.unique(kept[kept > 0]), 1 / 0.75, rtol=1e-5)
    assert np.mean(kept > 0) == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / len(kept)))
    assert not any("dropout" in layer.name for layer in network().layers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hiden": [3]}, "hiden: unknown key. Did you mean 'hidden'?"),
        ({"hidden": []}, "hidden: not valid. "),
        ({"hidden": [64, 0]}, "hidden.1: not valid. Expected greater than or equal to 1. Received 0"),
        ({"preset": "large"}, "preset: not valid. Expected 'tiny', 'small', 'medium' or 'wide'. Received 'large'"),
        ({"activation": "gelo"}, "activation: not valid."),
        ({"dropout": 1.0}, "dropout: not valid. Expected less than 1. Received 1.0"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(UserError) as caught:
        MODELS.parse({"name": "mlp", **options})
    assert message in str(caught.value)


@every_model
def test_saved_and_loaded_gives_the_same_values(component, tmp_path):
    model = network(component.name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = {"state": tracks()}
    assert np.array_equal(model(x), loaded(x))


@every_model
def test_an_event_does_not_see_the_others(component):
    model, x = network(component.name), tracks()
    np.testing.assert_allclose(model({"state": x[2:3]}), np.asarray(model({"state": x}))[2:3], rtol=1e-5, atol=1e-6)


@every_model
def test_the_seed_makes_the_weights(component):
    one, same, other = (
        keras.utils.set_random_seed(seed) or network(component.name).get_weights() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


OPTIONS = {"softmax": {"classes": 4}}
OUTPUTS = {"linear": 3, "gaussian": 6, "softmax": 4, "sigmoid": 3, "von_mises_fisher": 3}
"""Of three targets: values, means and log-variances, logits of four classes, logits of yes, a vector."""


@every_head
def test_a_head_gives_its_float32_outputs_under_mixed_precision(component):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        features = keras.Input((5,), name="features")
        head = HEADS.parse({"name": component.name, **OPTIONS.get(component.name, {})})
        model = keras.Model(features, head.build(features, 3, "state_head"))
    finally:
        keras.config.set_dtype_policy("float32")
    values = model(tracks(4, 5))
    assert values.shape == (4, OUTPUTS[component.name])
    assert keras.backend.standardize_dtype(values.dtype) == "float32"
    assert model.layers[-1].name == "state_head"


def test_a_head_may_have_layers_of_its_own():
    features = keras.Input((5,))
    model = keras.Model(features, HEADS.parse({"name": "linear", "hidden": [7, 3]}).build(features, 2, "head"))
    assert [layer.name for layer in model.layers[1:]] == ["head_hidden_1", "head_hidden_2", "head"]
    assert model.count_params() == (5 + 1) * 7 + (7 + 1) * 3 + (3 + 1) * 2


def test_the_linear_head_is_linear():
    features = keras.Input((5,))
    model = keras.Model(features, HEADS.parse("linear").build(features, 2, "head"))
    weight, bias = np.arange(10, dtype=np.float32).reshape(5, 2), np.array([1, -1], np.float32)
    model.set_weights([weight, bias])
    np.testing.assert_allclose(model(tracks(3, 5)), tracks(3, 5) @ weight + bias, rtol=1e-5)
