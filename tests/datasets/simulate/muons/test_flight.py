"""Muons in the toroids: bending against the field integral, symmetries, scattering, calorimeter."""

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid, trapezoid

from app.physics.muon_material import highland, mean_loss
from app.physics.muon_spectrometer import STATIONS, Layer, field, layers
from app.physics.units import LIGHT_SPEED
from datasets.simulate.engine.random_streams import Streams
from datasets.simulate.muons.flight import Spectrometer, kick_slopes
from datasets.simulate.muons.hits import ChamberTracks
from datasets.simulate.muons.source import Calorimeter, Entering, Muons, Source, path_to_surface

NO_MATTER = Calorimeter(0.0, 0.0, 0.0)
EMPTY = Spectrometer(field(), 0.0, 0.0)


def muons(pt, eta, phi=0.1, charge=1.0, count=1):
    """Muons from the origin."""
    pt, eta, phi, charge = (np.zeros(count) + value for value in (pt, eta, phi, charge))
    streams = Streams(np.arange(count, dtype=np.uint64))
    return Muons(np.arange(count), np.zeros(count, int), pt, eta, phi, charge, np.zeros((3, count)), streams)


def fly(muons, spectrometer=EMPTY, calorimeter=NO_MATTER):
    return spectrometer.propagate(calorimeter.cross(muons), muons.charge, muons.streams.child(2))


def straight_field(eta, phi, bounds=(0.0, 28000.0)):
    """Path [mm] and B_phi [T] along a straight line from the origin."""
    path = np.linspace(*bounds, 56001)
    r = path / np.cosh(eta)
    bx, by, _ = field()(r * np.cos(phi), r * np.sin(phi), path * np.tanh(eta))
    return path, by * np.cos(phi) - bx * np.sin(phi)


@pytest.mark.parametrize("eta", [0.0, 0.5, -0.9, 1.2, -1.7, 2.6])
@pytest.mark.parametrize("charge", [1.0, -1.0])
def test_the_bending_angle_is_that_of_the_field_integral(eta, charge):
    """`angle = 0.2998 integral(B dl) / p` in the plane of r and z, to larger eta for a positive charge."""
    p = 300.0
    tracks = fly(muons(p / np.cosh(eta), eta, charge=charge))
    first, last = tracks.begin[0, :, 0], tracks.end[-1, :, 0]
    polar = [np.arctan2(np.hypot(v[0], v[1]), v[2]) for v in (first, last)]
    path, b = straight_field(eta, 0.1, (4200.0, 28000.0))
    assert polar[0] - polar[1] == pytest.approx(charge * 1000 * LIGHT_SPEED * trapezoid(b, path) / 1000 / p, rel=6e-3)
    azimuth = [np.arctan2(v[1], v[0]) for v in (first, last)]
    assert azimuth[0] == pytest.approx(azimuth[1], abs=1e-9)


def coordinate(tracks, station, distance):
    """Return the eta coordinate where the first track crosses a plane of a station."""
    layer = Layer(station, 0, distance, 0.0, 1e5, layers()[0].readout, 0.0)
    return ChamberTracks(tracks).cross(layer).eta[0]


@pytest.mark.parametrize("pt", [20.0, 100.0])
def test_the_sagitta_is_that_of_the_double_integral(pt):
    """At phi = 0 and eta = 0: `z(r) = 0.2998 / p integral (r - r') B(r') dr'`; the sagitta of three stations of it."""
    tracks = fly(muons(pt, 0.0, phi=0.0))
    inner, middle, outer = (coordinate(tracks, n, STATIONS[n].distance) for n in range(3))
    path, b = straight_field(0.0, 0.0)
    slope = LIGHT_SPEED / pt * cumulative_trapezoid(b, path, initial=0.0)
    z = cumulative_trapezoid(slope, path, initial=0.0)
    expected = np.interp([5000.0, 7500.0, 10000.0], path, z)
    assert middle - 0.5 * (inner + outer) == pytest.approx(expected[1] - 0.5 * (expected[0] + expected[2]), rel=2e-3)
    assert [inner, middle, outer] == pytest.approx(expected, rel=4e-3)


def test_without_field_tracks_are_straight_lines():
    eta = np.linspace(-2.7, 2.7, 50)
    tracks = fly(muons(5.0, eta, count=50), Spectrometer(field(0.0), 0.0, 0.0))
    direction = tracks.points[0] / np.linalg.norm(tracks.points[0], axis=0)
    along = (tracks.points * direction).sum(axis=1, keepdims=True)
    assert np.abs(tracks.points - along * direction).max() < 1e-7
    seen = ChamberTracks(tracks)
    for layer in layers():
        found = seen.cross(layer)
        slope = np.sinh(eta[found.row])
        r = layer.distance / (np.cos(0.1) if STATIONS[layer.station].barrel else np.abs(slope))
        assert np.allclose(found.eta, r * (slope if STATIONS[layer.station].barrel else np.cos(0.1)), atol=1e-6)
        assert np.allclose(found.phi, r * np.sin(0.1), atol=1e-6)
        assert np.allclose(found.path, r * np.cosh(eta[found.row]), atol=1e-6)


def test_opposite_charge_bends_oppositely_and_polarity_is_the_same_as_charge():
    plus, minus = fly(muons(10.0, 0.0)), fly(muons(10.0, 0.0, charge=-1.0))
    assert np.allclose(plus.points * np.array([1, 1, -1])[:, None], minus.points, atol=1e-6)
    assert plus.points[-1, 2, 0] > 900
    turned = fly(muons(10.0, 0.7), Spectrometer(field(-1.0), 0.0, 0.0))
    assert np.allclose(turned.points, fly(muons(10.0, 0.7, charge=-1.0)).points, atol=1e-9)


@pytest.mark.parametrize("eta", [0.3, 1.15, 2.0])
def test_the_mirror_image_in_z_is_the_track_of_the_opposite_charge(eta):
    here, there = fly(muons(8.0, eta)), fly(muons(8.0, -eta, charge=-1.0))
    assert np.allclose(here.points * np.array([1, 1, -1])[:, None], there.points, atol=1e-6)


@pytest.mark.parametrize("eta", [0.3, 1.15, 2.0])
def test_all_sectors_are_alike(eta):
    """Muons turned from sector to sector cross the same coordinates of the chambers."""
    phi = 0.05 + np.arange(16) * 2 * np.pi / 16
    tracks = fly(muons(8.0, eta, phi=phi, count=16))
    assert list(tracks.chambers.sector) == list(range(1, 17))
    seen = ChamberTracks(tracks)
    for layer in layers():
        found = seen.cross(layer)
        assert len(found.row) in (0, 16)
        assert np.allclose(found.eta, found.eta[:1], atol=1e-6)
        assert np.allclose(found.phi, found.phi[:1], atol=1e-6)


def test_more_steps_change_nothing_that_could_be_measured():
    source = Source((5.0, 10.0), "log_uniform", (-2.7, 2.7), 0.0, (0.015, 50.0)).draw(
        Streams(np.arange(500, dtype=np.uint64))
    )
    one, other = (ChamberTracks(fly(source, Spectrometer(field(), 0.0, 0.0, steps))) for steps in (128, 512))
    difference = []
    for layer in layers():
        a, b = one.cross(layer), other.cross(layer)
        assert np.array_equal(a.row, b.row)
        difference += list(np.abs(a.eta - b.eta))
    assert np.mean(difference) < 0.006
    assert np.percentile(difference, 99) < 0.05


def test_scattering_in_a_station_is_that_of_highland():
    """Straight muons of 10 GeV, at right angles through 0.3 radiation lengths: angles and loss behind the inner one."""
    count = 4000
    tracks = fly(muons(10.0, 0.0, phi=0.0, count=count), Spectrometer(field(0.0), 0.3, 0.1))
    step = int(np.argmax(tracks.points[:, 0, 0] > 6500))
    angle = tracks.begin[step] / tracks.begin[step][0]
    expected = float(highland(np.array(0.3), np.array(10.0), np.array(9.985)))
    assert angle[1].std() == pytest.approx(expected, rel=0.04)
    assert angle[2].std() == pytest.approx(expected, rel=0.04)
    assert abs(angle[1].mean()) < 4 * expected / np.sqrt(count)
    assert np.array_equal(tracks.begin[0][1], tracks.begin[0][1][:1].repeat(count))


def test_a_kick_turns_by_its_angles():
    tx, ty = np.array([0.4]), np.array([-0.3])
    before = np.array([tx[0], ty[0], 1.0]) / np.sqrt(1.25)
    x, y = kick_slopes(tx, ty, np.array([1e-4]), np.array([2e-4]))
    after = np.array([x[0], y[0], 1.0]) / np.sqrt(1 + x[0] ** 2 + y[0] ** 2)
    assert np.linalg.norm(np.cross(before, after)) == pytest.approx(np.hypot(1e-4, 2e-4), rel=1e-6)
    assert kick_slopes(tx, ty, np.zeros(1), np.zeros(1)) == (pytest.approx(0.4), pytest.approx(-0.3))


@pytest.mark.parametrize("p", [10.0, 200.0])
def test_the_calorimeter_takes_its_mean_loss_and_scatters(p):
    many = muons(p, 0.0, phi=0.0, count=20000)
    entering = Calorimeter(3.0, 0.1, 150.0).cross(many)
    expected = float(sum(mean_loss(np.array(p), 3.0)))
    assert p - entering.momentum.mean() == pytest.approx(expected, rel=0.03)
    # 1/(p p') of each muon's own loss
    theta = np.sqrt(np.mean(highland(np.full(20000, 150.0), many.momentum, entering.momentum) ** 2))
    assert entering.direction[1].std() == pytest.approx(theta, rel=0.02)
    moved = entering.position[1]
    assert moved.std() == pytest.approx(2500.0 * theta / np.sqrt(3), rel=0.02)
    assert np.corrcoef(moved, entering.direction[1])[0, 1] == pytest.approx(np.sqrt(3) / 2, abs=0.01)


def test_muons_leave_the_calorimeter_at_its_surface():
    many = muons(50.0, np.linspace(-2.7, 2.7, 101), count=101)
    place = path_to_surface(many.vertex, many.direction) * many.direction
    r, z = np.hypot(place[0], place[1]), np.abs(place[2])
    assert np.allclose(np.maximum(r / 4200.0, z / 6600.0), 1.0)


def test_slow_muons_are_given_up_without_a_warning():
    entering = Entering(
        np.array([[4200.0], [0], [0]]), np.array([[1.0], [0], [0]]), np.array([0.3]), np.array([4200.0])
    )
    with np.errstate(invalid="ignore", over="ignore"):
        tracks = EMPTY.propagate(entering, np.ones(1), Streams(np.arange(1, dtype=np.uint64)))
        seen = ChamberTracks(tracks)
        assert not len(seen.cross(layers()[-1]).row)
    assert np.isnan(tracks.points[-1]).all()
