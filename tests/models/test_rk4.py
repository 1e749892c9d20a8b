"""Extrapolations as models: the figures they are known for, orders, closed forms, precision."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.models import MODELS
from app.physics import runge_kutta
from app.physics.magnet import Magnet

STATE = ("x", "y", "tx", "ty")
MAXWELL = Magnet({"name": "gaussian_dipole", "maxwell": True}, 2665.0)
FORMULAS = ["straight_line", "thin_lens", {"name": "rk4", "steps": 3}, {"name": "rk4", "precision": "float64"}]
every_formula = pytest.mark.parametrize("spec", FORMULAS, ids=str)


def truth(table, targets=STATE):
    return np.stack([table[f"true_{name}"] for name in targets], axis=1)


def position_error(found, table):
    return np.hypot(*(found - truth(table))[:, :2].T).mean()


@pytest.fixture(scope="module")
def sample(tracks):
    return tracks(6_000, 1)


@pytest.mark.parametrize(("steps", "known"), [(1, 18.9), (2, 0.59), (3, 0.086), (4, 0.031), (5, 0.0135), (10, 0.001)])
def test_a_few_steps_reach_what_they_are_known_for(made, sample, steps, known):
    model = made({"name": "rk4", "steps": steps})
    assert position_error(model(sample), sample) == pytest.approx(known, rel=0.15)
    assert model.layer.description == f"rk4 steps {steps}"
    assert model.model.count_params() == 0


def test_the_error_falls_as_the_fourth_power_of_the_step(made, sample):
    specs = [{"name": "rk4", "steps": steps, "precision": "float64"} for steps in (5, 10)]
    slopes = [np.abs(made(spec)(sample) - truth(sample))[:, 2].mean() for spec in specs]
    assert 12 < slopes[0] / slopes[1] < 24


def test_float32_costs_less_than_its_rounding_of_the_state(made, sample):
    """0.0002 mm is what many steps cannot go below; float64 is left with the rounding of its output."""
    single, double = (made({"name": "rk4", "steps": 20, "precision": p})(sample) for p in ("float32", "float64"))
    assert position_error(double, sample) < 1.2e-4
    assert position_error(single, sample) < 4e-4
    assert np.abs(single - double)[:, 2:].max() < 2e-6
    description = made({"name": "rk4", "steps": 20, "precision": "float64"}).layer.description
    assert description == "rk4 steps 20 float64"


def test_it_is_the_integrator_of_the_program(made, tracks):
    table = tracks(500, 2, MAXWELL, -3000.0)
    expected = runge_kutta.rk4(MAXWELL.field, tuple(table[n] for n in STATE), table["qop"], 2665.0, table["dz"], 4)
    found = made({"name": "rk4", "steps": 4, "precision": "float64"}, magnet=MAXWELL)(table)
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-7, atol=1e-4)


def test_targets_come_in_the_order_that_was_asked_for(made, sample):
    every = made({"name": "rk4", "steps": 2})(sample)
    np.testing.assert_array_equal(made({"name": "rk4", "steps": 2}, ("ty", "x"))(sample), every[:, [3, 0]])


def test_a_start_plane_that_varies_is_a_column(made, tracks):
    table = tracks(300, 3)
    moved = Magnet({"name": "gaussian_dipole", "center": 5107.0}, None)  # field and start, both 100 mm further on
    columns = (*STATE, "qop", "dz", "z_start")
    found = made({"name": "rk4", "steps": 4}, magnet=moved, columns=columns)(table | {"z_start": np.full(300, 2765.0)})
    np.testing.assert_allclose(found, made({"name": "rk4", "steps": 4})(table), rtol=1e-5, atol=2e-3)


def test_the_straight_line_by_hand(made):
    state = {"x": 1.0, "y": 2.0, "tx": 0.25, "ty": -0.5, "qop": 0.1, "dz": 1000.0}
    model = made("straight_line", magnet=None)
    assert model({name: np.array([value]) for name, value in state.items()}).tolist() == [[251, -498, 0.25, -0.5]]
    assert model.layer.get_config()["magnet"] is None


def test_the_straight_line_and_the_thin_lens_miss_by_the_known_distance(made, sample):
    assert position_error(made("straight_line")(sample), sample) == pytest.approx(431, rel=0.05)
    lens = made("thin_lens")(sample)
    assert position_error(lens, sample) == pytest.approx(18.6, rel=0.1)
    np.testing.assert_allclose(lens[:, 2:], truth(sample)[:, 2:], atol=2e-5)  # the whole kick is exact for By(z)


@every_formula
def test_saved_and_loaded_gives_the_same_bits(made, tracks, tmp_path, spec):
    model, table = made(spec), tracks(200, 4)
    model.model.save(tmp_path / "model.keras")
    assert np.array_equal(model(table, keras.saving.load_model(tmp_path / "model.keras")), model(table))
    assert model.model.output["state"].dtype == "float32"


@every_formula
def test_compiled_by_xla_it_is_the_same(made, tracks, spec):
    model, table = made(spec), tracks(200, 4)
    compiled = tf.function(model.model, jit_compile=True)
    difference = np.abs(model(table, compiled) - model(table))
    assert (difference.max(axis=0) < [2e-3, 2e-3, 2e-6, 2e-6]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps: not valid. Expected greater than or equal to 1. Received 0"),
        ({"step": 3}, "step: unknown key. Did you mean 'steps'?"),
        ({"precision": "float16"}, "precision: not valid. Expected 'float32' or 'float64'. Received 'float16'"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(UserError) as caught:
        MODELS.parse({"name": "rk4", **options})
    assert message in str(caught.value)
