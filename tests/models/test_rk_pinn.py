"""The Runge-Kutta network: its weights, its stages, and what exact derivatives make of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.models.blocks.track_heads import NODES, WEIGHTS
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.lorentz import lorentz_acceleration
from app.physics.runge_kutta import rk4, rk4_step

FIELD, Z_START = GaussianDipole(maxwell=True), 2665.0
NAMES = ("x", "y", "tx", "ty")
every_scheme = pytest.mark.parametrize("nodes", NODES)


def lorentz(field, state, qop, z):
    """Return d(x, y, tx, ty)/dz: the slopes themselves and their change."""
    return (state[2], state[3], *lorentz_acceleration(field, state, qop, z))


def spec(nodes="rk4", **options):
    return {"name": "rk_pinn", "hidden": [16, 8], "nodes": nodes, **options}


def exact(columns):
    return {name: values.astype(np.float64) for name, values in columns.items()}


def force(state, columns, zeta):
    """Return d(state)/dzeta, (4, N)."""
    found = lorentz(FIELD, tuple(state), columns["qop"], Z_START + columns["dz"] * zeta)
    return columns["dz"] * np.stack(found)


def classical_stages(columns):
    """Return k_1 to k_4 of one Runge-Kutta step over the whole length, (4 stages, 4, N)."""
    start = np.stack([columns[n] for n in NAMES])
    one = force(start, columns, 0.0)
    two = force(start + one / 2, columns, 0.5)
    three = force(start + two / 2, columns, 0.5)
    return np.stack([one, two, three, force(start + three, columns, 1.0)])


def code_of(path, columns, stages):
    """Return the code (N, 4 stages, 4) whose derivatives are `stages` (4 stages, 4, N)."""
    line = np.stack([columns["tx"] * columns["dz"], columns["ty"] * columns["dz"], *np.zeros((2, len(columns["x"])))])
    return np.moveaxis((stages - line) / columns["qop"], -1, 0) / path.std - path.mean / path.std


def test_the_weights_start_at_those_of_the_classical_method_and_are_learned(whole, features, columns, scale):
    from app.models import MODELS

    path, inner = MODELS.parse(spec()).build(keras.Input((6,)), scale)
    path.build({"features": inner.shape, "dz": (None,)})
    np.testing.assert_allclose(path.weights_of_stages, np.array([1, 2, 2, 1]) / 6, rtol=2e-7)
    network, path = whole(spec())
    assert any(weight is path.log_weights for weight in network.trainable_weights)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.square(network({"features": features, "dz": columns["dz"]})["end"]))
    gradient = tape.gradient(total, path.log_weights.value)
    assert np.abs(gradient).min() > 0
    assert float(tf.reduce_sum(path.weights_of_stages)) == pytest.approx(1.0, rel=1e-6)


@every_scheme
def test_the_end_is_the_weighted_sum_of_the_stages(whole, features, columns, nodes):
    network, path = whole(spec(nodes))
    found = network({"features": features, "dz": columns["dz"]})
    weights = np.asarray(path.weights_of_stages)
    np.testing.assert_allclose(found["end"], np.einsum("i,nij->nj", weights, found["code"]), rtol=1e-5, atol=1e-6)
    _, derivatives = path.stages(found["code"], columns)
    ends = [columns[n] + np.asarray(k) @ weights for n, k in zip(NAMES, derivatives, strict=True)]
    kick = path.mean + path.std * np.asarray(found["end"])
    for i, (end, name) in enumerate(zip(ends, NAMES, strict=True)):
        line = columns[name] + (columns[f"t{name}"] * columns["dz"] if i < 2 else 0.0)
        np.testing.assert_allclose(end, line + columns["qop"] * kick[:, i], rtol=1e-5, atol=1e-3)


def test_exact_stages_stand_where_the_classical_ones_do_and_end_as_its_step(whole, columns):
    _, path = whole(spec())
    path.log_weights.assign(np.log(WEIGHTS))
    columns = exact(columns)
    k = classical_stages(columns)
    states, derivatives = path.stages(code_of(path, columns, k).astype(np.float32), _single(columns))
    start = np.stack([columns[n] for n in NAMES])
    expected = np.stack([start, start + k[0] / 2, start + k[1] / 2, start + k[2]])
    np.testing.assert_allclose(np.moveaxis(np.stack(derivatives), -1, 0), k, rtol=1e-5, atol=2e-3)
    np.testing.assert_allclose(np.moveaxis(np.stack(states), -1, 0), expected, rtol=1e-5, atol=2e-3)
    one_step = rk4_step(FIELD, tuple(start), columns["qop"], Z_START, columns["dz"])
    ends = [
        columns[n] + np.asarray(d) @ np.asarray(path.weights_of_stages) for n, d in zip(NAMES, derivatives, strict=True)
    ]
    np.testing.assert_allclose(ends, one_step, rtol=1e-5, atol=2e-3)


def _single(columns):
    return {name: values.astype(np.float32) for name, values in columns.items()}


def test_at_the_quarters_each_stage_starts_where_the_one_before_leads(whole, columns):
    _, path = whole(spec("quarters"))
    code = np.random.default_rng(7).normal(size=(7, 4, 4)).astype(np.float32)
    states, derivatives = path.stages(code, columns)
    for name, state, k in zip(NAMES, states, np.stack(derivatives), strict=True):
        expected = [columns[name] + k[:, 0] / 4]
        for before in (0, 1, 2):
            expected.append(expected[-1] + k[:, before] / 4)
        np.testing.assert_allclose(state, np.stack(expected, -1), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("nodes", "expected"), [("rk4", 2.5), ("quarters", 114.0)])
def test_how_far_off_exact_derivatives_at_the_nodes_end(nodes, expected):
    """The derivatives of the true track, 2-100 GeV through the default magnet: why "rk4" is the default."""
    rng = np.random.default_rng(1)
    spans = {"x": 300, "y": 250, "tx": 0.3, "ty": 0.25}
    columns = {name: rng.uniform(-span, span, 20_000) for name, span in spans.items()}
    columns |= {"qop": rng.choice([-1, 1], 20_000) / np.exp(rng.uniform(np.log(2), np.log(100), 20_000)), "dz": 5161.0}
    field, start = GaussianDipole(), tuple(columns[n] for n in NAMES)
    end = np.stack(start)
    for weight, node in zip(WEIGHTS, NODES[nodes], strict=True):
        state = rk4(field, start, columns["qop"], Z_START, columns["dz"] * node, 20) if node else start
        end = end + weight * 5161.0 * np.stack(lorentz(field, state, columns["qop"], Z_START + node * 5161.0))
    truth = rk4(field, start, columns["qop"], Z_START, columns["dz"], 40)
    assert np.hypot(*(end - np.stack(truth))[:2]).mean() == pytest.approx(expected, rel=0.06)


@every_scheme
def test_saved_and_loaded_gives_the_same_values(whole, features, columns, nodes, tmp_path):
    network, path = whole(spec(nodes))
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    one, other = (model({"features": features, "dz": columns["dz"]}) for model in (network, loaded))
    np.testing.assert_array_equal(one["end"], other["end"])
    again = loaded.get_layer("path")
    assert again.nodes == path.nodes
    for a, b in zip(path.stages(one["code"], columns), again.stages(other["code"], columns), strict=True):
        np.testing.assert_array_equal(np.stack(a), np.stack(b))
