"""The physics terms of a training: where they look, what they weigh, when they begin."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.models import MODELS
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.magnet import Magnet
from app.training.constraints import Collocation, make_constraints
from datasets.transforms.chain import Mirror
from losses.constraints import CONSTRAINTS

SCALE = {"mean": [3700.0, 25.0, 1.33, 0.02], "std": [310.0, 190.0, 0.11, 0.07], "length": 5161.0}
MAGNET = Magnet({"name": "gaussian_dipole", "maxwell": True}, 2665.0)
PDE = {"name": "lorentz_residual", "weight": 0.1}


@pytest.fixture
def columns():
    rng = np.random.default_rng(3)
    spans = {"x": 300, "y": 250, "tx": 0.3, "ty": 0.25}
    made = {name: rng.uniform(-span, span, 9) for name, span in spans.items()}
    made |= {"qop": rng.choice([-1, 1], 9) / rng.uniform(2, 100, 9), "dz": rng.uniform(4161, 6161, 9)}
    return {name: tf.constant(values, tf.float32) for name, values in made.items()}


def path_of(spec):
    keras.utils.set_random_seed(1)
    inputs = {"features": keras.Input((6,), name="features"), "dz": keras.Input((), name="dz")}
    path, inner = MODELS.parse({"hidden": [8], **spec}).build(inputs["features"], SCALE)
    network = keras.Model(inputs, path({"features": inner, "dz": inputs["dz"]}))
    return path, network


def constraints(*specs, points=5, random=False, mirror=None, magnet=MAGNET, model="pinn"):
    path, network = path_of({"name": model})
    parsed = [CONSTRAINTS.parse(spec) for spec in specs]
    return make_constraints(parsed, path, magnet, Collocation(points, random), mirror), network


def code_of(network, columns):
    features = np.random.default_rng(4).normal(size=(9, 6)).astype(np.float32)
    return network({"features": tf.constant(features), "dz": columns["dz"]})["code"]


def test_even_points_reach_from_start_to_end():
    np.testing.assert_allclose(Collocation(5, False).zeta(None, True), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(Collocation(1, False).zeta(None, True), [1])


def test_random_points_are_drawn_anew_in_training_only():
    generator = keras.random.SeedGenerator(1)
    points = Collocation(1000, True)
    before = np.asarray(generator.state.value)
    one, other = (np.asarray(points.zeta(generator, True)) for _ in range(2))
    assert not np.array_equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 1
    assert np.mean(one) == pytest.approx(0.5, abs=0.05)
    generator.state.assign(before)
    np.testing.assert_array_equal(points.zeta(generator, True), one)
    np.testing.assert_array_equal(points.zeta(generator, False), Collocation(1000, False).zeta(None, False))


def test_the_terms_of_a_constraint_share_its_weight():
    staged = {"name": "stage_residual", "weight": 0.6}
    assert constraints(staged, model="rk_pinn")[0].weights() == pytest.approx(
        {f"stage_{i}_loss": 0.15 for i in range(1, 5)}
    )
    assert constraints({**staged, "stages": 2}, model="rk_pinn")[0].weights() == pytest.approx(
        {"stage_1_loss": 0.3, "stage_2_loss": 0.3}
    )
    both = constraints(PDE, {"name": "initial_condition", "weight": 2.0})[0]
    assert both.weights() == {"pde_loss": 0.1, "ic_loss": 2.0}
    assert both.terms() == ["pde_loss", "ic_loss"]


@pytest.mark.parametrize(("epoch", "share"), [(0, 0), (1, 0.25), (3, 0.75), (4, 1), (50, 1)])
def test_a_weight_grows_over_its_own_warm_up(epoch, share):
    made = constraints({**PDE, "warmup_epochs": 4}, {"name": "initial_condition"})[0]
    found = made.warmup(tf.constant(float(epoch)))
    assert {name: float(value) for name, value in found.items()} == pytest.approx({"pde_loss": share, "ic_loss": 1})


def test_every_term_has_one_value_per_event(columns):
    made, network = constraints(PDE, "initial_condition")
    found = made(code_of(network, columns), columns, None, True)
    assert {name: value.shape for name, value in found.items()} == {"pde_loss": (9,), "ic_loss": (9,)}
    assert np.asarray(found["pde_loss"]).min() > 0
    np.testing.assert_array_equal(found["ic_loss"], 0)  # the hard form starts where it must to the last bit
    staged, network = constraints("stage_residual", model="rk_pinn")
    found = staged(code_of(network, columns), columns, None, True)
    assert all(np.asarray(value).min() > 0 for value in found.values())


def test_the_points_of_validation_are_the_even_ones(columns):
    made, network = constraints(PDE, random=True)
    even, _ = constraints(PDE)
    generator, code = keras.random.SeedGenerator(1), code_of(network, columns)
    expected = even(code, columns, generator, False)["pde_loss"]
    np.testing.assert_allclose(made(code, columns, generator, False)["pde_loss"], expected, rtol=1e-6)
    training = made(code, columns, generator, True)["pde_loss"]
    assert not np.allclose(training, expected, rtol=1e-3)


def test_behind_a_mirror_the_mirrored_tracks_are_judged(columns):
    """The network's tracks are the folded ones: (x, tx, q) and (y, ty) with either sign give the same terms."""
    made, network = constraints(PDE, mirror=Mirror())
    code = code_of(network, columns)
    turned = {name: -value if name in ("x", "tx", "qop") else value for name, value in columns.items()}
    flipped = {name: -value if name in ("y", "ty") else value for name, value in columns.items()}
    expected = made(code, columns, None, False)["pde_loss"]
    for one in (turned, flipped):
        np.testing.assert_allclose(made(code, one, None, False)["pde_loss"], expected, rtol=1e-6)
    plain, _ = constraints(PDE)
    assert not np.allclose(plain(code, turned, None, False)["pde_loss"], expected, rtol=1e-3)


def test_each_field_value_is_asked_for_once_a_step(columns, monkeypatch):
    calls = []
    original = GaussianDipole.__call__
    monkeypatch.setattr(GaussianDipole, "__call__", lambda self, *place: calls.append(1) or original(self, *place))
    made, network = constraints(PDE, "initial_condition")
    made(code_of(network, columns), columns, None, False)
    assert len(calls) == 1


def test_the_field_must_be_known():
    with pytest.raises(UserError, match=r"constraints: the field of the data is not known\. Expected 'field'"):
        constraints(PDE, magnet=None)


def test_the_scales_are_logged(caplog):
    with caplog.at_level("INFO"):
        constraints(PDE)
    assert "residuals are in units of (q/p) times the spread of the kick: x 310, y 190, tx 0.11, ty 0.07" in caplog.text
