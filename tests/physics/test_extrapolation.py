"""Classical extrapolations: closed forms, limits, and how far they are from the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf
from scipy.stats import truncnorm

from app.core.errors import UserError
from app.core.libraries import tf
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.extrapolation.thin_lens import kick
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.magnet import Magnet
from app.physics.momentum_slopes import to_momentum
from app.physics.propagation import Propagator
from app.physics.units import LIGHT_SPEED

Z, DZ = 2665.0, 5161.0
GAUSSIAN = Magnet({"name": "gaussian_dipole"}, Z)
MAXWELL = Magnet({"name": "gaussian_dipole", "maxwell": True}, Z)
DIPOLES = Magnet({"name": "two_dipoles"}, Z)
WITH_FIELD = ["thin_lens", {"name": "rk4", "steps": 1}, {"name": "rk4", "steps": 2}]


def tracks(count, momentum=(2.0, 100.0), seed=0):
    """The default sample: columns (N,) in float64."""
    random = np.random.default_rng(seed)
    state = random.uniform([-300, -250, -0.3, -0.25], [300, 250, 0.3, 0.25], (count, 4))
    p = np.exp(random.uniform(*np.log(momentum), count))
    columns = dict(zip(("x", "y", "tx", "ty"), state.T, strict=True))
    return columns | {"qop": random.choice([-1.0, 1.0], count) / p, "dz": np.full(count, DZ)}


def extrapolated(spec, magnet, columns):
    return np.stack(np.broadcast_arrays(*EXTRAPOLATIONS.parse(spec).build(magnet, columns)), axis=1)


def truth(magnet, columns, steps=100):
    state = np.stack([columns[n] for n in ("x", "y", "tx", "ty")], axis=1)
    return Propagator(magnet.field)(state, columns["qop"], magnet.z_start, columns["dz"], steps).state


def position_error(spec, magnet, columns, end):
    return np.hypot(*(extrapolated(spec, magnet, columns) - end)[:, :2].T).mean()


def test_names_and_what_needs_a_field():
    assert {c.name: c.facts.field for c in EXTRAPOLATIONS} == {
        "rk4": True,
        "straight_line": False,
        "thin_lens": True,
    }
    with pytest.raises(UserError, match=r"^steps: not valid. Expected greater than or equal to 1. Received 0"):
        EXTRAPOLATIONS.parse({"name": "rk4", "steps": 0})


def test_a_straight_line_by_hand():
    columns = {"x": 10.0, "y": -20.0, "tx": 0.1, "ty": -0.05, "dz": 1000.0}
    assert EXTRAPOLATIONS.parse("straight_line").build(None, columns) == pytest.approx((110.0, -70.0, 0.1, -0.05))


@pytest.mark.parametrize("spec", WITH_FIELD, ids=str)
@pytest.mark.parametrize("field", [{"name": "uniform", "by": 0.0}, {"name": "gaussian_dipole", "peak": 0.0}], ids=str)
def test_without_a_field_all_of_them_are_the_straight_line(spec, field):
    columns = tracks(50)
    line = extrapolated("straight_line", None, columns)
    np.testing.assert_allclose(extrapolated(spec, Magnet(field, Z), columns), line, rtol=1e-12, atol=1e-12)


def test_thin_lens_by_hand_in_a_uniform_field():
    """By = -1 T over 1 m turns px/p of a track of 3 GeV by 0.2998/3, at the middle of the way."""
    columns = {name: np.array([value]) for name, value in {"x": 0.0, "y": 5.0, "tx": 0.0, "ty": 0.0}.items()}
    columns |= {"qop": np.array([1 / 3]), "dz": np.array([1000.0])}
    u = 0.299792458 / 3
    tx = u / np.sqrt(1 - u * u)
    found = extrapolated("thin_lens", Magnet({"name": "uniform"}, Z), columns)
    np.testing.assert_allclose(found, [[500 * tx, 5.0, tx, 0.0]], rtol=1e-12)


def gaussian_integral(field, z, end):
    """The integral of By dz [T mm] in closed form."""
    low, high = ((edge - field.center) / field.sigma / np.sqrt(2) for edge in (z, end))
    return field.peak * field.sigma * np.sqrt(np.pi / 2) * (erf(high) - erf(low))


@pytest.mark.parametrize(("nodes", "accuracy"), [(8, 1e-4), (16, 1e-10)])
def test_the_momentum_kick_of_the_thin_lens_is_exact_for_a_field_of_z(nodes, accuracy):
    """px/p changes by -c (q/p) int By dz and py/p not at all; 16 nodes give the slopes of 100 Runge-Kutta steps."""
    columns = tracks(200)
    found = extrapolated({"name": "thin_lens", "nodes": nodes}, GAUSSIAN, columns)
    u, v = to_momentum(columns["tx"], columns["ty"])
    change = -LIGHT_SPEED * columns["qop"] * gaussian_integral(GAUSSIAN.field, Z, Z + DZ)
    u_end, v_end = to_momentum(found[:, 2], found[:, 3])
    np.testing.assert_allclose(u_end, u + change, rtol=0, atol=accuracy * np.abs(change).max())
    np.testing.assert_allclose(v_end, v, atol=1e-14)
    slopes = truth(GAUSSIAN, columns)[:, 2:]
    np.testing.assert_allclose(found[:, 2:], slopes, rtol=0, atol=max(accuracy, 2e-8))


def test_the_knee_lies_at_the_centroid_of_the_field_between_start_and_end():
    field, columns = GaussianDipole(), tracks(3)
    edges = [(z - field.center) / field.sigma for z in (Z, Z + DZ)]
    mean = truncnorm.mean(*edges, loc=field.center, scale=field.sigma)
    assert kick(GAUSSIAN, columns, 32).centroid == pytest.approx(np.full(3, (mean - Z) / DZ), rel=1e-5)
    x, y, tx, ty = (extrapolated("thin_lens", GAUSSIAN, columns)[:, i] for i in range(4))
    before, after = (kick(GAUSSIAN, columns, 8).centroid * DZ, (1 - kick(GAUSSIAN, columns, 8).centroid) * DZ)
    np.testing.assert_allclose(x, columns["x"] + columns["tx"] * before + tx * after, rtol=1e-12)
    np.testing.assert_allclose(y, columns["y"] + columns["ty"] * before + ty * after, rtol=1e-12)


@pytest.mark.parametrize("magnet", [MAXWELL, DIPOLES], ids=["maxwell", "two_dipoles"])
def test_the_integrals_run_along_each_line(magnet):
    columns = tracks(3)
    found = kick(magnet, columns, 32)
    for i in range(3):
        x, y, tx, ty = (columns[n][i] for n in ("x", "y", "tx", "ty"))

        def force(z, axis, x=x, y=y, tx=tx, ty=ty):
            bx, by, bz = magnet.field(x + tx * z, y + ty * z, Z + z)
            return LIGHT_SPEED * (ty * bz - by if axis == 0 else bx - tx * bz)

        for axis, value in enumerate((found.u, found.v)):
            expected = quad(force, 0.0, DZ, args=(axis,), epsabs=1e-12, epsrel=1e-12)[0]
            assert value[i] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("magnet", [GAUSSIAN, MAXWELL, DIPOLES], ids=["gaussian", "maxwell", "two_dipoles"])
def test_thin_lens_is_exact_to_first_order_in_qop_on_the_axis(magnet):
    """The deviation is odd in q/p by symmetry, so that half the bend leaves an eighth of the error."""
    columns = {n: np.zeros(2) for n in ("x", "y", "tx", "ty")} | {"dz": np.full(2, DZ), "qop": np.array([0.2, 0.1])}
    end = truth(magnet, columns, 200)
    error = np.abs(extrapolated({"name": "thin_lens", "nodes": 32}, magnet, columns) - end)[:, 0]
    assert error[0] < 0.02 * np.abs(end[0, 0])
    assert error[1] == pytest.approx(error[0] / 8, rel=0.1)


def test_mean_position_errors_on_the_default_sample():
    """2 to 100 GeV from 2665 to 7826 mm in the Gaussian dipole, in mm."""
    columns = tracks(2000)
    end = truth(GAUSSIAN, columns)
    assert (np.abs(end) < [5000, 5000, 2, 2]).all()
    expected = {"straight_line": 431, "thin_lens": 18.2}
    for spec, error in expected.items():
        assert position_error(spec, GAUSSIAN, columns, end) == pytest.approx(error, rel=0.06)
    for steps, error in ((1, 18.9), (2, 0.59), (3, 0.086), (5, 0.0135)):
        spec = {"name": "rk4", "steps": steps}
        assert position_error(spec, GAUSSIAN, columns, end) == pytest.approx(error, rel=0.06)


def test_a_knee_at_the_peak_of_the_field_would_be_worse():
    """The field is not symmetric between the two planes; the exact kick at its peak ends 35 mm off, not 18."""
    columns = tracks(2000)
    found = extrapolated("thin_lens", GAUSSIAN, columns)
    before = GAUSSIAN.field.center - Z
    at_peak = [columns[n] + columns[f"t{n}"] * before + found[:, i] * (DZ - before) for i, n in ((2, "x"), (3, "y"))]
    error = np.hypot(*(np.array(at_peak) - truth(GAUSSIAN, columns)[:, :2].T)).mean()
    assert error == pytest.approx(35, rel=0.06)


@pytest.mark.parametrize("spec", [*WITH_FIELD, "straight_line"], ids=str)
@pytest.mark.parametrize("field", ["gaussian_dipole", "two_dipoles", "uniform"])
def test_tensors_give_the_same_numbers_in_their_own_precision(spec, field):
    magnet, columns = Magnet({"name": field}, Z), tracks(100, (5.0, 100.0))
    exact = extrapolated(spec, magnet, columns)
    for dtype, rtol, atol in ((np.float32, 1e-5, 5e-3), (np.float64, 1e-11, 1e-11)):
        arrays = {name: values.astype(dtype) for name, values in columns.items()}
        for given in (arrays, {name: tf.constant(values) for name, values in arrays.items()}):
            found = EXTRAPOLATIONS.parse(spec).build(magnet, given)
            assert {np.asarray(values).dtype for values in found} == {np.dtype(dtype)}
            np.testing.assert_allclose(np.stack(found, axis=1), exact, rtol=rtol, atol=atol)


@pytest.mark.parametrize("spec", WITH_FIELD, ids=str)
def test_a_column_says_where_each_track_begins(spec):
    columns, middle = tracks(40), np.repeat([2000.0, 3500.0], 20)
    both = extrapolated(spec, Magnet(MAXWELL.field_json, None), columns | {"z_start": middle})
    for part, z in ((slice(20), 2000.0), (slice(20, 40), 3500.0)):
        alone = extrapolated(spec, Magnet(MAXWELL.field_json, z), {n: v[part] for n, v in columns.items()})
        np.testing.assert_allclose(both[part], alone, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("spec", "least"), [("thin_lens", 30.0), ({"name": "rk4", "steps": 8}, 0.02)], ids=str)
def test_backward_as_good_as_forward(spec, least):
    columns = tracks(300, (5.0, 100.0))
    end = truth(GAUSSIAN, columns)
    there = dict(zip(("x", "y", "tx", "ty"), end.T, strict=True), qop=columns["qop"], dz=-columns["dz"])
    back = extrapolated(spec, Magnet(GAUSSIAN.field_json, Z + DZ), there)
    start = np.stack([columns[n] for n in ("x", "y", "tx", "ty")], axis=1)
    assert np.hypot(*(back - start)[:, :2].T).mean() < least
