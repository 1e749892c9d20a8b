"""A constraint is 0 on a track that obeys the equation of motion, and says by how much another one does not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.physics.lorentz import lorentz_acceleration
from app.physics.magnet import Magnet
from app.physics.runge_kutta import rk4
from losses.constraints import CONSTRAINTS, Track, terms_of

NAMES = ("x", "y", "tx", "ty")
STD = np.array([310.0, 190.0, 0.11, 0.07])
FIELD = {"name": "gaussian_dipole", "maxwell": True}
STRONGER = {**FIELD, "peak": -1.0182 * 1.05}
ZETA = np.linspace(0, 1, 10)


@pytest.fixture
def columns():
    """Tracks of both charges, each of its own length and from its own plane, in float64."""
    rng = np.random.default_rng(11)
    spans = {"x": 300, "y": 250, "tx": 0.3, "ty": 0.25}
    made = {name: rng.uniform(-span, span, 50) for name, span in spans.items()}
    lengths = {"dz": rng.uniform(4161, 6161, 50), "z_start": rng.uniform(2000, 3000, 50)}
    return made | lengths | {"qop": rng.choice([-1, 1], 50) / rng.uniform(2, 100, 50)}


def solution(magnet, columns):
    """Return `along` of the true tracks: RK4 with 100 steps, its derivative by finite differences of fourth order."""
    begin = np.reshape(magnet.start(columns), (-1, 1))
    *start, qop, dz = (columns[name][:, None] for name in (*NAMES, "qop", "dz"))

    def state(zeta):
        return np.stack(rk4(magnet.field, tuple(values + 0 * zeta for values in start), qop, begin, dz * zeta, 100))

    def along(zeta, h=1e-3):
        at = {step: state(zeta + step * h) for step in (-2, -1, 1, 2)}
        return tuple(state(zeta)), tuple((8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h))

    return along


def line(columns):
    """Return `along` of tracks that do not bend."""

    def along(zeta):
        x, y, tx, ty, dz = (columns[name][:, None] for name in (*NAMES, "dz"))
        flat = np.zeros((1, len(zeta)))
        states = (x + tx * dz * zeta, y + ty * dz * zeta, tx + flat, ty + flat)
        return states, (tx * dz + flat, ty * dz + flat, tx * flat, ty * flat)

    return along


def shifted(along, component, state=0.0, derivative=0.0):
    """Return `along` with a constant added to one component of the states or of their derivatives."""

    def changed(zeta):
        states, derivatives = (list(part) for part in along(zeta))
        states[component] = states[component] + state
        derivatives[component] = derivatives[component] + derivative
        return tuple(states), tuple(derivatives)

    return changed


def track(columns, magnet, along=None, stages=None, **changes):
    settings = {"zeta": ZETA, "along": along, "stages": stages, "positions_are_exact": False, **changes}
    return Track(columns=columns, magnet=magnet, std=STD, **settings)


def value(name, made, **options):
    return np.asarray(CONSTRAINTS.parse({"name": name, **options}).build(made))


@pytest.mark.parametrize("z_start", [2665.0, None], ids=["one plane", "a plane for each"])
def test_the_residual_of_the_true_track_is_zero(columns, z_start):
    magnet = Magnet(FIELD, z_start)
    found = value("lorentz_residual", track(columns, magnet, solution(magnet, columns)))
    assert found.shape == (50, 1)
    assert found.max() < 1e-12


@pytest.mark.parametrize(
    ("other", "least"),
    [(Magnet({**FIELD, "peak": -1.0182 * 1.05}, 2665.0), 0.01), (Magnet(FIELD, 2865.0), 0.01)],
    ids=["a field stronger by 5 %", "a plane 200 mm further on"],
)
def test_that_of_a_track_through_another_magnet_is_not(columns, other, least):
    found = value("lorentz_residual", track(columns, Magnet(FIELD, 2665.0), solution(other, columns)))
    assert found.min() > least


def test_each_track_has_its_own_length(columns):
    magnet = Magnet(FIELD, 2665.0)
    longer = {**columns, "dz": columns["dz"] * 1.02}
    assert value("lorentz_residual", track(longer, magnet, solution(magnet, columns))).min() > 1e-3


def test_the_residual_of_a_straight_line_is_the_force_itself(columns):
    """In a uniform vertical field: r_tx = dz k N (1 + tx^2) By, r_ty = dz k N tx ty By; positions are exact."""
    magnet = Magnet({"name": "uniform", "by": 0.7}, 0.0)
    found = value("lorentz_residual", track(columns, magnet, line(columns)))
    tx, ty, dz = (columns[name] for name in ("tx", "ty", "dz"))
    force = 2.99792458e-4 * np.sqrt(1 + tx**2 + ty**2) * 0.7 * dz  # per q/p
    expected = ((force * (1 + tx**2) / STD[2]) ** 2 + (force * tx * ty / STD[3]) ** 2) / 4
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize(("component", "size"), [(0, 3.0), (1, 3.0), (2, 1e-3), (3, 1e-3)])
def test_each_component_is_in_units_of_qop_times_the_spread_of_its_kick(columns, component, size):
    magnet = Magnet(FIELD, 2665.0)
    wrong = shifted(solution(magnet, columns), component, derivative=size)
    found = value("lorentz_residual", track(columns, magnet, wrong))[:, 0]
    np.testing.assert_allclose(found, (size / (columns["qop"] * STD[component])) ** 2 / 4, rtol=1e-4)
    exact = value("lorentz_residual", track(columns, magnet, wrong, positions_are_exact=True))[:, 0]
    np.testing.assert_allclose(exact, found if component > 1 else 0.0, rtol=1e-9, atol=1e-12)


def test_it_is_the_mean_over_the_points(columns):
    magnet = Magnet(FIELD, 2665.0)
    wrong = line(columns)
    every = [value("lorentz_residual", track(columns, magnet, wrong, zeta=ZETA[i : i + 1])) for i in range(len(ZETA))]
    found = value("lorentz_residual", track(columns, magnet, wrong))
    np.testing.assert_allclose(found, np.mean(every, axis=0), rtol=1e-9)


def test_a_track_does_not_see_the_others_and_xla_gives_the_same(columns):
    magnet = Magnet(FIELD, 2665.0)
    one = {name: values[3:4] for name, values in columns.items()}
    found = value("lorentz_residual", track(columns, magnet, line(columns)))
    np.testing.assert_allclose(value("lorentz_residual", track(one, magnet, line(one))), found[3:4], rtol=1e-9)

    @tf.function(jit_compile=True)
    def compiled(tensors):
        return CONSTRAINTS.parse("lorentz_residual").build(track(tensors, magnet, line(tensors)))

    single = {name: tf.constant(values, tf.float32) for name, values in columns.items()}
    np.testing.assert_allclose(compiled(single), found, rtol=1e-3)


@pytest.mark.parametrize(("component", "size"), [(0, 3.0), (1, 3.0), (2, 1e-3), (3, 1e-3)])
def test_initial_condition_is_the_squared_distance_from_the_start_state(columns, component, size):
    magnet = Magnet(FIELD, 2665.0)
    assert value("initial_condition", track(columns, magnet, line(columns))).max() == 0
    found = value("initial_condition", track(columns, magnet, shifted(line(columns), component, state=size)))
    assert found.shape == (50, 1)
    np.testing.assert_allclose(found[:, 0], (size / (columns["qop"] * STD[component])) ** 2 / 4, rtol=1e-7)


def classical(columns, wrong=()):
    """Return `stages` of one Runge-Kutta step over the whole length; {stage: error} is added to some slopes."""
    field, qop, dz = Magnet(FIELD, 2665.0).field, columns["qop"], columns["dz"]
    start = np.stack([columns[name] for name in NAMES])
    states, derivatives = [], []
    for node, share in ((0.0, 0.0), (0.5, 0.5), (0.5, 0.5), (1.0, 1.0)):
        state = start + share * derivatives[-1] if derivatives else start
        states.append(state)
        derivatives.append(
            dz * np.stack((*state[2:], *lorentz_acceleration(field, tuple(state), qop, 2665.0 + node * dz)))
        )
    for stage, error in wrong:
        derivatives[stage][2] += error
    return lambda: (*(tuple(np.stack(part, -1)) for part in (states, derivatives)), np.array([0.0, 0.5, 0.5, 1.0]))


def test_the_stages_of_a_runge_kutta_step_have_no_residual(columns):
    magnet = Magnet(FIELD, 2665.0)
    found = value("stage_residual", track(columns, magnet, stages=classical(columns)))
    assert found.shape == (50, 4)
    assert found.max() < 1e-20
    weaker = value("stage_residual", track(columns, Magnet(STRONGER, 2665.0), stages=classical(columns)))
    assert weaker.min(axis=0).min() > 1e-4


def test_a_wrong_stage_is_seen_in_its_own_term(columns):
    magnet = Magnet(FIELD, 2665.0)
    stages = classical(columns, wrong=[(1, 1e-3), (3, 2e-3)])
    found = value("stage_residual", track(columns, magnet, stages=stages))
    expected = (np.array([0.0, 1e-3, 0.0, 2e-3]) / (columns["qop"][:, None] * STD[2])) ** 2 / 4
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-15)
    first = value("stage_residual", track(columns, magnet, stages=stages), stages=2)
    np.testing.assert_allclose(first, expected[:, :2], rtol=1e-6, atol=1e-15)


def test_the_terms_of_a_constraint():
    assert terms_of(CONSTRAINTS.parse("lorentz_residual")) == ("pde_loss",)
    assert terms_of(CONSTRAINTS.parse("initial_condition")) == ("ic_loss",)
    assert terms_of(CONSTRAINTS.parse("stage_residual")) == tuple(f"stage_{i}_loss" for i in (1, 2, 3, 4))
    assert terms_of(CONSTRAINTS.parse({"name": "stage_residual", "stages": 3})) == tuple(
        f"stage_{i}_loss" for i in (1, 2, 3)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": -0.1}, "weight: not valid. Expected greater than or equal to 0. Received -0.1"),
        ({"warmup": 3}, "warmup: unknown key. Did you mean 'warmup_epochs'?"),
        ({"lambda_pde": 3}, "lambda_pde: unknown key."),
        ({"name": "lorenz_residual"}, "unknown constraint. Did you mean 'lorentz_residual'?"),
        ({"name": "stage_residual", "stages": 0}, "stages: not valid. Expected greater than or equal to 1. Received 0"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(UserError) as caught:
        CONSTRAINTS.parse({"name": "lorentz_residual", **options})
    assert message in str(caught.value)
