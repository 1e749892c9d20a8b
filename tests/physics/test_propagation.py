import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.optimize import brentq
from scipy.special import erf

from app.core.errors import UserError
from app.physics.extrapolation.straight_line import straight_line
from app.physics.fields.field_map import FieldMap
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.fields.uniform import Uniform
from app.physics.propagation import BLOCK, Propagator, steps_for, survives
from app.physics.runge_kutta import rk4
from app.physics.units import LIGHT_SPEED

Z, DZ = 2665.0, 5161.0


def tracks(count, momentum=(2.0, 100.0), seed=0):
    random = np.random.default_rng(seed)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (count, 4))
    p = np.exp(random.uniform(*np.log(momentum), count))
    return state, random.choice([-1.0, 1.0], count) / p


def integrated(field, state, qop, z, dz, steps):
    return np.stack(np.broadcast_arrays(*rk4(field, tuple(state.T), qop, z, dz, steps)), axis=1)


def helix(state, qop, field, dz):
    """The exact track in a uniform field: the direction turns about B at the rate c q/p |B| per path length."""
    b = np.array([field.bx, field.by, field.bz])
    rate, axis = LIGHT_SPEED * qop * np.linalg.norm(b), b / np.linalg.norm(b)
    t = np.array([state[2], state[3], 1.0]) / np.sqrt(1 + state[2] ** 2 + state[3] ** 2)
    along, turned = axis * (axis @ t), np.cross(t, axis)
    across = t - along

    def place(s):
        return (
            np.array([*state[:2], 0.0])
            + along * s
            + (across * np.sin(rate * s) + turned * (1 - np.cos(rate * s))) / rate
        )

    s = brentq(lambda s: place(s)[2] - dz, 0.0, 3 * dz, xtol=1e-10)
    direction = along + across * np.cos(rate * s) + turned * np.sin(rate * s)
    return np.array([*place(s)[:2], *(direction[:2] / direction[2])])


def exact_kick(state, qop, field, z, dz, nodes=16):
    """The exact track in a pure By(z): u = tx / N changes by the field integral, v = ty / N is conserved."""

    def integral(end):
        scaled = [(edge - field.center) / field.sigma / np.sqrt(2) for edge in (z, end)]
        return field.peak * field.sigma * np.sqrt(np.pi / 2) * (erf(scaled[1]) - erf(scaled[0]))

    def slopes(end):
        root = np.sqrt(1 + state[:, 2] ** 2 + state[:, 3] ** 2)
        u, v = state[:, 2] / root - LIGHT_SPEED * qop * integral(end), state[:, 3] / root
        return np.stack([u, v]) / np.sqrt(1 - u * u - v * v)

    points, weights = np.polynomial.legendre.leggauss(nodes)
    way = sum(w * slopes(z + dz * (p + 1) / 2) for p, w in zip(points, weights, strict=True)) * dz / 2
    return np.stack([*(state[:, :2].T + way), *slopes(z + dz)], axis=1)


@pytest.mark.parametrize("field", [Uniform(bx=0.3, by=-0.8, bz=0.5), Uniform(), Uniform(bz=3.0)], ids=str)
def test_uniform_field_gives_a_helix(field):
    state, qop = tracks(20, (5.0, 50.0))
    exact = np.array([helix(s, q, field, 3000.0) for s, q in zip(state, qop, strict=True)])
    found = integrated(field, state, qop, 0.0, 3000.0, 200)
    assert np.abs(found - exact)[:, :2].max() < 1e-7
    assert np.abs(found - exact)[:, 2:].max() < 1e-10


def test_gaussian_dipole_gives_the_exact_kick():
    state, qop = tracks(500)
    exact = exact_kick(state, qop, GaussianDipole(), Z, DZ)
    found = integrated(GaussianDipole(), state, qop, Z, DZ, 100)
    assert np.abs(found - exact)[:, :2].max() < 2e-6
    assert np.abs(found - exact)[:, 2:].max() < 1e-8


@pytest.mark.parametrize("field", [GaussianDipole(maxwell=True), TwoDipoles()], ids=["maxwell", "two_dipoles"])
def test_error_falls_with_the_fourth_power_of_the_step(field):
    state, qop = tracks(100, (5.0, 50.0))
    reference = integrated(field, state, qop, Z, DZ, 512)
    errors = [np.abs(integrated(field, state, qop, Z, DZ, n) - reference).max() for n in (16, 32, 64)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.allclose(orders, 4, atol=0.3)


def test_forward_then_backward_comes_back():
    state, qop = tracks(200)
    propagate = Propagator(TwoDipoles())
    there = propagate(state, qop, Z, DZ, 200).state
    back = propagate(there, qop, Z + DZ, -DZ, 200).state
    assert np.abs(back - state)[:, :2].max() < 1e-5
    assert np.abs(back - state)[:, 2:].max() < 1e-8


def test_transverse_momentum_changes_by_the_field_integral():
    """dpx = -0.2998 q integral(By dz) [GeV, T m], exact for a field By(z)."""
    state, qop = tracks(200)
    end = integrated(GaussianDipole(), state, qop, Z, DZ, 200)
    z = np.linspace(Z, Z + DZ, 20001)
    integral = trapezoid(GaussianDipole()(0.0, 0.0, z)[1], z) / 1000
    px = [s[:, 2] / np.sqrt(1 + s[:, 2] ** 2 + s[:, 3] ** 2) / np.abs(qop) for s in (state, end)]
    assert np.allclose(px[1] - px[0], -1000 * LIGHT_SPEED * np.sign(qop) * integral, atol=1e-7)


def test_without_a_field_tracks_are_straight_lines():
    state, qop = tracks(10)
    found = Propagator(Uniform(by=0.0))(state, qop, Z, DZ, 3).state
    columns = dict(zip(("x", "y", "tx", "ty"), state.T, strict=True), dz=DZ)
    assert np.allclose(found, np.transpose(straight_line(None, columns)), rtol=1e-13)


def test_blocks_threads_and_varying_z_give_the_numbers_of_the_plain_formula():
    state, qop = tracks(BLOCK + 300)
    plain = integrated(GaussianDipole(maxwell=True), state, qop, Z, DZ, 8)
    propagate = Propagator(GaussianDipole(maxwell=True), threads=2)
    assert np.abs(propagate(state, qop, Z, DZ, 8).state - plain).max() < 1e-9
    each = np.full(len(qop), 1.0)
    assert np.abs(propagate(state, qop, Z * each, DZ * each, 8).state - plain).max() < 1e-9
    middle = np.linspace(0.0, 1.0, len(qop)) * DZ
    first = propagate(state, qop, Z, middle, 64).state
    both = propagate(first, qop, Z + middle, DZ - middle, 64).state
    assert np.abs(both - propagate(state, qop, Z, DZ, 128).state)[:, :2].max() < 1e-4


def test_single_precision_stays_within_its_rounding():
    state, qop = tracks(100)
    single = Propagator(GaussianDipole(), dtype="float32")(state, qop, Z, DZ, 50).state
    assert single.dtype == np.float32
    assert np.abs(single - integrated(GaussianDipole(), state, qop, Z, DZ, 50))[:, :2].max() < 0.02


def test_mirrored_tracks_stay_mirrored():
    state, qop = tracks(50)
    propagate = Propagator(TwoDipoles())
    end = propagate(state, qop, Z, DZ, 50).state
    in_x, in_y = np.array([-1, 1, -1, 1]), np.array([1, -1, 1, -1])
    assert np.allclose(propagate(state * in_x, -qop, Z, DZ, 50).state, end * in_x, atol=1e-9)
    assert np.allclose(propagate(state * in_y, qop, Z, DZ, 50).state, end * in_y, atol=1e-9)


def test_tracks_that_leave_a_map_are_told():
    axes = (np.array([-100.0, 100.0]), np.array([-100.0, 100.0]), np.array([0.0, 1000.0]))
    field = FieldMap.of_grid(axes, np.zeros((2, 2, 2, 3)))
    state = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.3, 0.0], [0.0, 0.0, 0.0, -0.3]])
    assert Propagator(field)(state, np.ones(3), 0.0, 1000.0, 10).outside.tolist() == [False, True, True]
    assert not Propagator(Uniform())(state, np.full(3, 0.01), 0.0, 100.0, 1).outside.any()


@pytest.mark.parametrize("accuracy", [1.0, 1e-2, 1e-4])
def test_number_of_steps_reaches_the_accuracy_and_not_much_more(accuracy):
    state, qop = tracks(300)
    steps = steps_for(Propagator(GaussianDipole()), state, qop, Z, DZ, accuracy)
    exact = exact_kick(state, qop, GaussianDipole(), Z, DZ)
    error = np.hypot(*(integrated(GaussianDipole(), state, qop, Z, DZ, steps) - exact)[:, :2].T).max()
    assert accuracy / 20 < error < 1.1 * accuracy


def test_an_accuracy_out_of_reach_is_an_error(monkeypatch):
    monkeypatch.setattr("app.physics.propagation.MOST_STEPS", 8)
    state, qop = tracks(50)
    with pytest.raises(UserError, match=r"accuracy: cannot be reached\. Expected an accuracy that 8 steps reach"):
        steps_for(Propagator(GaussianDipole()), state, qop, Z, DZ, 1e-9)


def test_what_survives():
    states = np.array(
        [[4999, 0, 0, 0], [0, -5001, 0, 0], [0, 0, 2.1, 0], [0, 0, 0, -1.9], [np.nan, 0, 0, 0], [0, 0, np.inf, 0]]
    )
    assert survives(states).tolist() == [True, False, False, True, False, False]


def test_a_few_steps_are_differentiable():
    from app.core.libraries import tf

    state, qop = tracks(5)
    variable = tf.Variable(qop)
    with tf.GradientTape() as tape:
        end = tf.reduce_sum(rk4(GaussianDipole(), tuple(map(tf.constant, state.T)), variable, Z, DZ, 3)[0])
    gradient = tape.gradient(end, variable).numpy()
    above, below = (integrated(GaussianDipole(), state, qop + s, Z, DZ, 3)[:, 0] for s in (1e-6, -1e-6))
    assert np.allclose(gradient, (above - below) / 2e-6, rtol=1e-6)


def test_xla_computes_each_step_once():
    """Without the loops it works all steps before out again for each output of a step: four steps took hours."""
    from app.core.libraries import tf
    from app.physics.arrays import for_other_compilers

    state, qop = tracks(5, (5.0, 50.0))
    columns = [tf.constant(values) for values in (*state.T, qop)]

    def follow(*values):
        return rk4(GaussianDipole(maxwell=True), values[:4], values[4], Z, DZ, 3)

    compiled = tf.function(follow, jit_compile=True, autograph=False)
    text = compiled.experimental_get_compiler_ir(*columns)(stage="hlo")
    assert text.count(" while(") == 3
    with for_other_compilers():
        graph = tf.function(follow, autograph=False).get_concrete_function(*columns).graph
    assert not [operation for operation in graph.get_operations() if "While" in operation.type]


def test_gradients_pass_by_the_loops_between_steps():
    from app.core.libraries import tf

    state, qop = tracks(5, (5.0, 50.0))

    @tf.function(jit_compile=True, autograph=False)
    def slope(variable):
        with tf.GradientTape() as tape:
            tape.watch(variable)
            end = tf.reduce_sum(rk4(Uniform(bz=0.3), tuple(map(tf.constant, state.T)), variable, Z, DZ, 2)[0])
        return end, tape.gradient(end, variable)

    value, gradient = slope(tf.constant(qop))
    ends = [integrated(Uniform(bz=0.3), state, qop + s, Z, DZ, 2)[:, 0] for s in (-1e-6, 0.0, 1e-6)]
    assert value.numpy() == pytest.approx(ends[1].sum(), rel=1e-12)
    assert np.allclose(gradient, (ends[2] - ends[0]) / 2e-6, rtol=1e-6)
