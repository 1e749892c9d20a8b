"""Solid angles, scattered light and random numbers of the compiled simulation, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import trapezoid
from xenon_geometry import to_xyz

from app.physics.xenon_calorimeter import FACES, R_INNER, R_OUTER, SENSORS, inside
from datasets.simulate.engine import compiled as random_numbers
from datasets.simulate.xenon import light
from datasets.simulate.xenon.sensors import calorimeter_sensors, wall_areas

POINTS = to_xyz(np.array([[0.0, 0.0, 20.0], [10.0, 40.0, 15.0], [-15.0, -50.0, 25.0]]))


@pytest.fixture(scope="module")
def walls():
    return calorimeter_sensors()


def seen_from(point, walls):
    """Solid angle, cosine and distance of all sensors."""
    angle, cosine, distance = np.empty((3, SENSORS))
    light.fill_solid_angles(
        point, walls.position, walls.normal, walls.along, walls.across, walls.area, 4092, R_INNER,
        angle, cosine, distance,
    )  # fmt: skip
    return angle, cosine, distance


def test_solid_angles_of_a_closed_box_sum_to_four_pi():
    random = np.random.default_rng(1)
    for x, y, z in random.uniform(-0.99, 0.99, (50, 3)):
        faces = [(x, y, 1 - z), (x, y, 1 + z), (y, z, 1 - x), (y, z, 1 + x), (z, x, 1 - y), (z, x, 1 + y)]
        assert sum(light.square_solid_angle(*face, 2.0) for face in faces) == pytest.approx(4 * np.pi, rel=1e-12)


def test_a_far_square_is_a_point_and_the_next_order():
    for cosine in np.linspace(0.05, 1, 20):
        sine = np.sqrt(1 - cosine**2)
        for azimuth in (0.0, 0.4, np.pi / 4):
            x, y = 4 * sine * np.cos(azimuth), 4 * sine * np.sin(azimuth)
            exact = light.square_solid_angle(x, y, 4 * cosine, 1.0)
            assert light.far_solid_angle(1.0, cosine, 16.0) == pytest.approx(exact, rel=3e-3)
    assert light.far_solid_angle(1.0, 1.0, 1e6) == pytest.approx(1e-6, rel=1e-5)


def test_cells_are_the_walls_of_the_volume():
    """Closed forms of the walls against the sum of what each sensor stands for: sensors reach nearly to the edges."""
    phi, low, high = 2 * np.radians(62.76), 33.56, 48.0
    walls = {
        "inner": phi * R_INNER * 2 * low,
        "outer": phi * R_OUTER * 2 * high,
        "top": (R_OUTER - R_INNER) * (low + high),
        "upstream": phi * (R_OUTER**2 - R_INNER**2) / 2 * np.hypot(1, 2.337 / 6.684),
    }
    for name, wall in walls.items():
        found = wall_areas()[FACES[name].sensors].sum()
        found += wall_areas()[FACES["outer_centre"].sensors].sum() if name == "outer" else 0
        assert found == pytest.approx(wall, rel=0.09), name


@pytest.mark.parametrize("point", POINTS)
def test_the_walls_close_around_a_point_in_the_xenon(point, walls):
    assert inside(point)
    angle, cosine, distance = seen_from(point, walls)
    assert (angle * walls.cell / walls.area).sum() == pytest.approx(4 * np.pi, rel=0.06)
    assert (angle[cosine <= 0] == 0).all()
    assert np.allclose(distance, np.linalg.norm(walls.position - point, axis=1))


def test_the_inner_wall_hides_what_lies_behind_it(walls):
    point = to_xyz(np.array([0.0, 60.0, 3.0]))
    angle, _, _ = seen_from(point, walls)
    assert (angle[FACES["bottom"].sensors] == 0).all()
    assert (angle[FACES["top"].sensors] > 0).all()
    path = point + np.linspace(0.001, 0.999, 2000)[:, None, None] * (walls.position[4092:] - point)
    blocked = (np.hypot(path[..., 0], path[..., 1]) < R_INNER).any(axis=0)
    assert np.array_equal(blocked, [light.is_hidden(*point[:2], *p[:2], R_INNER) for p in walls.position[4092:]])


def test_a_sensor_in_front_of_a_source_gets_the_solid_angle(walls):
    """A cap of half-angle a covers (1 - cos a) / 2 of the sphere; a square of equal area nearly so."""
    sensor = 46 * 44 + 20
    for height in (0.6, 3.0, 20.0):
        angle, cosine, distance = seen_from(walls.position[sensor] + height * walls.normal[sensor], walls)
        assert (cosine[sensor], distance[sensor]) == pytest.approx((1.0, height))
        disc = 2 * np.pi * (1 - height / np.hypot(height, np.sqrt(walls.area[sensor] / np.pi)))
        assert angle[sensor] == pytest.approx(disc, rel=0.02)


def test_direct_light_is_absorbed_and_comes_at_the_speed_of_light(walls):
    angle, cosine, distance = seen_from(POINTS[0], walls)
    found, clock = np.zeros((2, SENSORS))
    light.add_direct(1e6, 2e-9, 1 / 18e9, 1 / 30.0, angle, cosine, distance, found, clock)
    bright = angle > 0
    expected = 1e6 * angle / (4 * np.pi) * np.exp(-distance / 30) * (1 - (1 - cosine) ** 5)
    assert np.allclose(found[bright], expected[bright], rtol=1e-9)
    assert np.allclose(clock[bright] / found[bright], 2e-9 + distance[bright] / 18e9, rtol=1e-9)
    assert (found[~bright] == 0).all()


def test_no_photon_is_lost_by_scattering_alone(walls):
    """Without absorption all photons reach the walls; grazing ones are reflected."""
    angle, _, distance = seen_from(POINTS[1], walls)
    wall = angle * walls.cell / walls.area
    unscattered = (wall * np.exp(-distance / 40)).sum() / wall.sum()
    found, clock = np.zeros((2, SENSORS))
    light.add_scattered(1e6, 0.0, 1 / 18e9, 0.0, 1 / 40, walls.area, walls.cell, angle, distance, found, clock)
    assert (found * walls.cell / walls.area).sum() / light.GRAZING == pytest.approx(1e6 * (1 - unscattered), rel=1e-9)
    near, far = np.argmin(distance[:4092]), np.argmax(distance[:4092])
    assert found[near] / found[far] == pytest.approx((distance[far] ** 2 + 1600) / (distance[near] ** 2 + 1600))


def test_mean_acceptance_of_diffuse_light():
    cosine = np.linspace(0, 1, 100001)
    mean = trapezoid(2 * cosine * (1 - (1 - cosine) ** 5), cosine)
    assert mean == pytest.approx(light.GRAZING, abs=1e-8)


@pytest.mark.parametrize("mean", [0.0, 0.05, 3.0, 11.9, 12.1, 60.0, 20000.0])
def test_poisson_numbers_have_the_distribution(mean):
    state = np.array([7], np.uint64)
    drawn = np.array([random_numbers.poisson(state, mean) for _ in range(20000)])
    assert (drawn >= 0).all()
    assert (drawn == np.round(drawn)).all()
    assert drawn.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 20000) + 1e-9)
    if mean:
        edges = np.unique(stats.poisson.ppf(np.linspace(0.05, 0.95, 10), mean))
        expected = np.diff([0, *stats.poisson.cdf(edges, mean), 1]) * 20000
        found = np.bincount(np.searchsorted(edges, drawn), minlength=len(edges) + 1)
        used = expected > 5
        assert ((found - expected)[used] ** 2 / expected[used]).sum() < stats.chi2.ppf(0.9999, used.sum())


def test_normal_and_uniform_numbers():
    state = np.array([1], np.uint64)
    pairs = np.array([random_numbers.normals(state) for _ in range(10000)])
    assert stats.kstest(pairs.ravel(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.04
    uniform = np.array([random_numbers.uniform(state) for _ in range(10000)])
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4
    assert 0 < uniform.min() < uniform.max() < 1
