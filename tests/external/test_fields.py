"""Fields and propagation compared with real maps and real tracks; needs the external data."""

import os
from pathlib import Path

import numpy as np
import pytest
from known_fields import difference_on_tracks, tracks_through
from scipy.integrate import trapezoid

from app.field_fit.selection import choose_fit
from app.physics.extrapolation.straight_line import straight_line
from app.physics.fields.field_map import FieldMap
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.propagation import Propagator, steps_for

DATA = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason=f"no external data at {DATA}")]


def integral(field, x):
    z = np.linspace(field.low[2], field.high[2], 20001)
    return trapezoid(field(np.full_like(z, x), 0.0 * z, z)[1], z) / 1000


@pytest.mark.parametrize(("x", "expected"), [(0.0, 0.9005), (500.0, 0.883), (900.0, 0.816)])
def test_integral_of_the_mnp33_map(x, expected):
    assert integral(FieldMap(file=str(DATA / "field_maps/mnp33_opera3d.npz")), x) == pytest.approx(expected, abs=6e-4)


def test_measured_map_as_table_and_as_arrays():
    table = FieldMap(file=str(DATA / "field_maps/emphatic_measured_5mm.txt"))
    arrays = FieldMap(file=str(DATA / "field_maps/emphatic_measured.npz"))
    assert np.allclose(table.values, arrays.values, atol=1e-6)
    assert np.allclose(table.low + table.high, arrays.low + arrays.high)
    assert integral(table, 0.0) == pytest.approx(0.229, abs=1e-3)
    assert np.abs(table(0.0, 0.0, np.linspace(-310, 480, 2001))[1]).max() == pytest.approx(1.51, abs=0.01)


def test_kick_through_the_mnp33_map_is_its_integral():
    field = FieldMap(file=str(DATA / "field_maps/mnp33_opera3d.npz"))
    end = Propagator(field)(np.zeros((1, 4)), np.array([0.01]), field.low[2], field.high[2] - field.low[2], 1000).state
    px = 100 * end[0, 2] / np.sqrt(1 + end[0, 2] ** 2 + end[0, 3] ** 2)
    assert px == pytest.approx(-0.299792458 * integral(field, 0.0), rel=1e-3)


@pytest.mark.parametrize(
    ("p", "x", "tx"),
    [(3, 1698.3, 0.4342), (5, 981.8, 0.2473), (10, 483.7, 0.12112), (20, 241.0, 0.06026), (50, 96.3, 0.02407)],
)
def test_default_field_has_the_scale_of_the_real_magnet(p, x, tx):
    """A Gaussian is no measured map: 6 % in x and 4 % in tx tell a right scale from a wrong unit, no more."""
    end = Propagator(GaussianDipole())(np.zeros((1, 4)), np.array([1 / p]), 2665.0, 9400.0 - 2665.0, 200).state[0]
    assert end[0] == pytest.approx(x, rel=0.06)
    assert end[2] == pytest.approx(tx, rel=0.04)


def test_default_field_follows_real_tracks():
    """4,000 tracks through the measured map: the Gaussian ends near them, a straight line does not."""
    with np.load(DATA / "tracks/lhcb_v8r1_4000.npz") as content:
        start, end = content["X_plane"], content["Y_true"]
    qop = start[:, 4] / 0.299792458
    found = Propagator(GaussianDipole(maxwell=True))(start[:, :4], qop, 2665.0, 5161.0, 50).state
    miss = np.hypot(*(found - end[:, :4])[:, :2].T)
    columns = dict(zip(("x", "y", "tx", "ty"), start[:, :4].T, strict=True), dz=5161.0)
    line = np.hypot(*(np.transpose(straight_line(None, columns)) - end[:, :4])[:, :2].T)
    assert np.median(miss) < 15
    assert np.median(miss) < 0.06 * np.median(line)


def test_a_coarse_map_reaches_a_modest_accuracy():
    field = FieldMap(file=str(DATA / "field_maps/mnp33_opera3d.npz"))
    random = np.random.default_rng(0)
    state = random.uniform([-200, -200, -0.02, -0.02], [200, 200, 0.02, 0.02], (200, 4))
    assert 8 <= steps_for(Propagator(field), state, random.uniform(-0.1, 0.1, 200), -3900.0, 7800.0, 0.1) <= 256


def test_the_mnp33_map_comes_back_from_4000_tracks():
    """The ends to 10 um; By on the tracks to a tenth: where along z a narrow beam is bent, its ends hardly say."""
    field = FieldMap(file=str(DATA / "field_maps/mnp33_opera3d.npz"))
    tracks = tracks_through(field, 4000, momentum=(5.0, 100.0), z=(-3000.0, 3000.0), spread=(300, 200, 0.05, 0.05))
    used, left = tracks.take(slice(0, 3600)), tracks.take(slice(3600, None))
    best = choose_fit(used, left, [(4, 10)], [1e-9, 1e-10], (False, False))[0]
    assert best.distances.mean() < 0.02
    assert difference_on_tracks(best.fit, used, field) < 0.1
