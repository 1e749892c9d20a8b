import numpy as np
import pytest

from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.fields.uniform import Uniform
from app.physics.lorentz import lorentz_acceleration
from app.physics.units import LIGHT_SPEED

STATE = (np.array([10.0, -200.0]), np.array([-30.0, 150.0]), np.array([0.2, -0.7]), np.array([-0.1, 0.4]))
QOP = np.array([0.3, -0.05])


def by_the_book(field, state, qop, z):
    x, y, tx, ty = state
    bx, by, bz = field(x, y, z)
    factor = LIGHT_SPEED * qop * np.sqrt(1 + tx**2 + ty**2)
    return factor * (tx * ty * bx - (1 + tx**2) * by + ty * bz), factor * ((1 + ty**2) * bx - tx * ty * by - tx * bz)


@pytest.mark.parametrize(
    "field",
    [
        Uniform(bx=0.3, by=-0.8, bz=0.5),
        Uniform(bx=0.7, by=0.0),
        Uniform(by=0.0, bz=2.0),
        Uniform(by=0.0),
        GaussianDipole(),
        GaussianDipole(maxwell=True),
        TwoDipoles(),
    ],
    ids=str,
)
def test_acceleration_is_the_equation_of_motion_written_out(field):
    assert np.allclose(
        lorentz_acceleration(field, STATE, QOP, 4000.0), by_the_book(field, STATE, QOP, 4000.0), rtol=1e-13
    )


def test_acceleration_is_the_change_of_slope_that_the_force_v_cross_b_makes():
    """d(p)/ds = c (q/p) p x B; tx = px / pz, so dtx/dz follows from the vector product alone."""
    field = Uniform(bx=0.3, by=-0.8, bz=0.5)
    tx, ty = STATE[2:]
    momentum = np.stack([tx, ty, np.ones(2)]) / np.sqrt(1 + tx**2 + ty**2)
    force = LIGHT_SPEED * QOP * np.cross(momentum.T, [0.3, -0.8, 0.5]).T
    expected = (force[:2] - np.stack([tx, ty]) * force[2]) / momentum[2] ** 2
    assert np.allclose(lorentz_acceleration(field, STATE, QOP, 0.0), expected, rtol=1e-13)


def test_constants_are_the_speed_of_light():
    assert pytest.approx(0.299792458) == LIGHT_SPEED * 1000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors_give_the_numbers_of_numpy_in_their_own_precision(dtype):
    from app.core.libraries import tf

    field = TwoDipoles()
    tensors = tuple(tf.constant(value, dtype) for value in STATE)
    found = lorentz_acceleration(field, tensors, tf.constant(QOP, dtype), tf.constant(4000.0, dtype))
    assert {value.dtype.name for value in found} == {dtype}
    expected = lorentz_acceleration(field, STATE, QOP, 4000.0)
    assert np.allclose(found, expected, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_gradient_with_respect_to_the_slope_is_the_numerical_one():
    from app.core.libraries import tf

    field, (x, y, tx, ty) = GaussianDipole(maxwell=True), STATE
    variable = tf.Variable(tx)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(lorentz_acceleration(field, (x, y, variable, ty), QOP, 4000.0)[0])
    step = 1e-6
    above, below = (lorentz_acceleration(field, (x, y, tx + s, ty), QOP, 4000.0)[0] for s in (step, -step))
    assert np.allclose(tape.gradient(value, variable), (above - below) / (2 * step), rtol=1e-7)
