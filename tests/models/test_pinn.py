"""Whole tracks: every form starts where it must, ends where the transform expects, and knows its own derivative."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.models import MODELS
from app.models.blocks.network_tracks import WITH_DERIVATIVE

ZETA = np.linspace(0, 1, 9, dtype=np.float32)
DERIVATIVES, STARTS = ("spectral", "forward", "gradient_tape"), ("hard", "soft")
every_form = pytest.mark.parametrize(("derivative", "start"), [(d, s) for d in DERIVATIVES for s in STARTS])
every_start = pytest.mark.parametrize("start", STARTS)


def spec(derivative="spectral", start="hard", **options):
    return {"name": "pinn", "hidden": [16, 8], "derivative": derivative, "initial_condition": start, **options}


def code_of(network, features, columns):
    return network({"features": features, "dz": columns["dz"]})["code"]


@every_form
def test_hard_forms_start_exactly_at_the_start_state_and_soft_ones_do_not(whole, features, columns, derivative, start):
    network, path = whole(spec(derivative, start))
    states, _ = path.along(code_of(network, features, columns), columns, ZETA[:1])
    for name, found, std in zip(("x", "y", "tx", "ty"), states, path.std, strict=True):
        if start == "hard":
            np.testing.assert_array_equal(found[:, 0], columns[name])
        else:
            assert np.abs((found[:, 0] - columns[name]) / columns["qop"] / std).max() > 0.05


@every_start
def test_random_points_at_zero_start_exactly_too(whole, features, columns, start):
    network, path = whole(spec("spectral", start))
    states, _ = path.along(code_of(network, features, columns), columns, tf.zeros(1))
    equal = [np.array_equal(f[:, 0], columns[n]) for n, f in zip(("x", "y", "tx", "ty"), states, strict=True)]
    assert all(equal) is (start == "hard")


@every_form
def test_end_is_the_standardised_kick_at_one(whole, features, columns, derivative, start):
    network, path = whole(spec(derivative, start))
    found = network({"features": features, "dz": columns["dz"]})
    kick, _ = path.kick(found["code"], columns["dz"], np.ones(1, np.float32))
    expected = (np.stack([np.asarray(k)[:, 0] for k in kick], -1) - path.mean) / path.std
    np.testing.assert_allclose(found["end"], expected, rtol=1e-4, atol=2e-5)
    assert np.abs(found["end"]).max() > 0.1


@every_form
def test_the_state_is_the_line_and_qop_times_the_kick(whole, features, columns, derivative, start):
    network, path = whole(spec(derivative, start))
    code = code_of(network, features, columns)
    kick, change = (np.stack(part) for part in path.kick(code, columns["dz"], ZETA))
    states, derivatives = (np.stack(part) for part in path.along(code, columns, ZETA))
    x, y, tx, ty, qop, dz = (columns[n].astype(np.float64)[:, None] for n in ("x", "y", "tx", "ty", "qop", "dz"))
    line = np.stack([x + tx * dz * ZETA, y + ty * dz * ZETA, tx + 0 * ZETA, ty + 0 * ZETA])
    np.testing.assert_allclose(states, line + qop * kick, rtol=1e-5, atol=1e-3)
    rate = np.stack([tx * dz + 0 * ZETA, ty * dz + 0 * ZETA, 0 * line[2], 0 * line[3]])
    np.testing.assert_allclose(derivatives, rate + qop * change, rtol=1e-5, atol=1e-3)


@every_start
@pytest.mark.parametrize("activation", WITH_DERIVATIVE)
def test_forward_and_gradient_tape_agree_to_rounding(whole, features, columns, start, activation):
    forward, one = whole(spec("forward", start, activation=activation))
    tape, other = whole(spec("gradient_tape", start, activation=activation))
    tape.set_weights(forward.get_weights())
    np.testing.assert_array_equal(
        forward({"features": features, "dz": columns["dz"]})["end"],
        tape({"features": features, "dz": columns["dz"]})["end"],
    )
    found, expected = (path.kick(features, columns["dz"], ZETA) for path in (one, other))
    for a, b, scale in zip([*found[0], *found[1]], [*expected[0], *expected[1]], [*one.std, *one.std], strict=True):
        np.testing.assert_allclose(a / scale, b / scale, rtol=1e-5, atol=1e-5)


@every_start
@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_forward_is_the_derivative_of_its_own_values(whole, features, columns, start, activation):
    """In float32 a central difference knows four digits; the tape, with which "forward" agrees, knows them all."""
    _, path = whole(spec("forward", start, activation=activation))
    h, zeta = np.float32(2**-8), ZETA[1:-1]
    above, below = (np.stack(path.kick(features, columns["dz"], zeta + s * h)[0]) for s in (1, -1))
    scale = path.std[:, None, None]
    _, change = path.kick(features, columns["dz"], zeta)
    np.testing.assert_allclose(np.stack(change) / scale, (above - below) / (2 * h) / scale, rtol=2e-3, atol=2e-3)


@every_start
@pytest.mark.parametrize("coefficients", [2, 5, 12])
def test_the_spectral_derivative_is_the_finite_difference(whole, columns, start, coefficients):
    """The series itself in float64: what the network gives is only its coefficients."""
    _, path = whole(spec("spectral", start, coefficients=coefficients))
    rng = np.random.default_rng(5)
    code = tf.constant(rng.normal(size=(7, 2 if start == "hard" else 4, coefficients)))
    exact = {name: tf.constant(values, tf.float64) for name, values in columns.items()}
    h, zeta = 1e-4, np.linspace(0.01, 0.99, 9)
    at = {step: np.stack(path.along(code, exact, zeta + step * h)[0]) for step in (-2, -1, 1, 2)}
    expected = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h)  # of fourth order
    found = np.stack(path.along(code, exact, zeta)[1])
    scale = np.abs(found).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-9, atol=1e-10)


def test_in_the_hard_spectral_form_the_position_moves_along_the_slope_identically(whole, columns):
    _, path = whole(spec("spectral", "hard"))
    assert path.positions_are_exact
    code = tf.constant(np.random.default_rng(6).normal(size=(7, 2, 12)))
    exact = {name: tf.constant(values, tf.float64) for name, values in columns.items()}
    states, derivatives = path.along(code, exact, np.linspace(0, 1, 23))
    for position, slope in ((0, 2), (1, 3)):
        np.testing.assert_allclose(derivatives[position], exact["dz"][:, None] * states[slope], rtol=1e-14)


@pytest.mark.parametrize(
    ("derivative", "start"), [("spectral", "soft"), ("forward", "hard"), ("gradient_tape", "soft")]
)
def test_in_the_other_forms_it_does_not(whole, features, columns, derivative, start):
    network, path = whole(spec(derivative, start))
    assert not path.positions_are_exact
    states, derivatives = path.along(code_of(network, features, columns), columns, ZETA)
    assert np.abs(derivatives[0] - columns["dz"][:, None] * states[2]).max() > 1.0


@every_form
def test_a_network_that_says_nothing_gives_the_mean_kick(whole, features, columns, scale, derivative, start):
    network, path = whole(spec(derivative, start))
    for weight in path.trainable_weights[-2:]:  # kernel and bias of the last layer
        weight.assign(0.0 * weight)
    columns = {**columns, "dz": np.full(7, scale["length"], np.float32)}
    np.testing.assert_allclose(network({"features": features, "dz": columns["dz"]})["end"], 0, atol=2e-5)
    kick, _ = path.kick(code_of(network, features, columns), columns["dz"], ZETA)
    np.testing.assert_allclose(kick[2][:, -1], scale["mean"][2], rtol=1e-5)
    np.testing.assert_allclose(np.stack(kick)[:, :, 0], 0, atol=1e-3)


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_points_as_numbers_and_as_tensors_are_the_same_points(whole, features, columns, derivative):
    network, path = whole(spec(derivative))
    code = code_of(network, features, columns)
    along = tf.function(lambda zeta: path.along(code, columns, zeta), jit_compile=True)
    for one, other in zip(path.along(code, columns, ZETA), along(tf.constant(ZETA)), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(a).max())


@every_form
def test_saved_and_loaded_gives_the_same_values(whole, features, columns, derivative, start, tmp_path):
    network, path = whole(spec(derivative, start))
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    one, other = (model({"features": features, "dz": columns["dz"]}) for model in (network, loaded))
    for name in ("end", "code"):
        np.testing.assert_array_equal(one[name], other[name])
    again = loaded.get_layer("path").along(other["code"], columns, ZETA)
    for a, b in zip(path.along(one["code"], columns, ZETA), again, strict=True):
        np.testing.assert_array_equal(np.stack(a), np.stack(b))


@every_form
def test_every_weight_has_a_gradient_through_state_and_derivative(whole, features, columns, derivative, start):
    network, path = whole(spec(derivative, start))
    with tf.GradientTape() as tape:
        states, derivatives = path.along(code_of(network, features, columns), columns, ZETA)
        total = sum(tf.reduce_sum(tf.square(part)) for part in (*states, *derivatives))
    for weight, gradient in zip(
        network.trainable_weights, tape.gradient(total, network.trainable_weights), strict=True
    ):
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0, weight.path


def test_sizes_are_those_of_the_mlp_with_zeta_or_coefficients_more(scale):
    """The mlp of these sizes has 100,996: a column more for zeta, or 24 coefficients in place of 4 outputs."""
    for derivative, expected in (("forward", 100_996 + 256), ("spectral", 100_996 + 129 * 20)):
        path, inner = MODELS.parse({"name": "pinn", "derivative": derivative}).build(keras.Input((6,)), scale)
        path.build({"features": inner.shape, "dz": (None,)})
        inside = 0 if derivative == "forward" else 7 * 256 + 257 * 256 + 257 * 128
        assert path.count_params() + inside == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coefficients": 1}, "coefficients: not valid. Expected greater than or equal to 2. Received 1"),
        ({"derivative": "tape"}, "derivative: not valid. Expected 'spectral', 'forward' or 'gradient_tape'"),
        ({"initial_condition": "firm"}, "initial_condition: not valid. Expected 'hard' or 'soft'"),
        ({"dropout": 0.1}, "dropout: unknown key"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(UserError) as caught:
        MODELS.parse({"name": "pinn", **options})
    assert message in str(caught.value)
