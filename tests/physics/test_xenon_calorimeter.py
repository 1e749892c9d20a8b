"""The calorimeter's geometry: counts, order, normals, neighbours and coordinates."""

import numpy as np
import pytest
from xenon_geometry import to_xyz

from app.physics.xenon_calorimeter import (
    EDGES,
    FACES,
    R_INNER,
    R_OUTER,
    REACH,
    SENSORS,
    SIPM_SIDE,
    areas,
    inside,
    neighbours,
    normals,
    positions,
    side_z,
    to_uvw,
)

CENTRE = np.array([-(R_INNER + R_OUTER) / 2, 0.0, 0.0])


def test_faces_follow_each_other_and_are_as_long_as_their_shapes():
    faces = list(FACES.values())
    assert [face.start for face in faces] == [0, *(face.stop for face in faces[:-1])]
    assert faces[-1].stop == SENSORS == len(positions()) == len(normals()) == len(areas())
    for name, face in FACES.items():
        hexagonal = name in ("top", "bottom", "outer_centre")
        assert face.name == name
        assert len(face) == (sum(face.shape) if hexagonal else np.prod(face.shape))


def test_order_of_the_inner_face_is_azimuth_then_z():
    grid = positions()[FACES["inner"].sensors].reshape(93, 44, 3)
    assert np.allclose(np.hypot(grid[..., 0], grid[..., 1]), R_INNER)
    assert (np.diff(grid[..., 2], axis=1) > 1.5).all()
    assert np.allclose(np.ptp(grid[..., 2], axis=0), 0)
    assert (np.diff(grid[..., 1], axis=0) < 0).all()  # from the top to the bottom
    assert np.allclose(grid[46, :, 1], 0)


@pytest.mark.parametrize(("name", "axis", "sign"), [("upstream", 2, -1), ("downstream", 2, 1), ("top", 1, 1)])
def test_faces_lie_on_the_side_of_their_name(name, axis, sign):
    assert (sign * positions()[FACES[name].sensors][:, axis] > 30).all()


def test_the_calorimeter_is_symmetric_about_both_middle_planes():
    for mirror in ([1, -1, 1], [1, 1, -1]):
        every, other = (np.round(p, 6) + 0.0 for p in (positions(), positions() * mirror))
        assert np.array_equal(every[np.lexsort(every.T)], other[np.lexsort(other.T)])


def test_the_dense_middle_of_the_outer_face_is_a_grid_of_thirty():
    outer = positions()[FACES["outer"].sensors].reshape(24, 9, 3)[10:14, 3:6].reshape(-1, 3)
    every = np.concatenate([outer, positions()[FACES["outer_centre"].sensors]])
    v, u = np.round(to_uvw(every)[:, 1], 4), np.round(every[:, 2], 4) + 0.0
    assert len(every) == 30
    assert [len(np.unique(v)), len(np.unique(u))] == [6, 5]
    assert np.allclose(np.diff(np.unique(u)), 6.2)


def test_normals_are_unit_vectors_into_the_xenon():
    assert np.allclose(np.linalg.norm(normals(), axis=1), 1)
    assert inside(positions() + 0.01 * normals()).all()
    assert not inside(positions() - 0.01 * normals()).any()
    towards_centre = ((CENTRE - positions()) * normals()).sum(axis=1) > 0
    assert towards_centre[FACES["inner"].stop :].all()
    assert 0.5 < towards_centre[: FACES["inner"].stop].mean() < 0.9  # the inner face is convex: its ends look away


def test_solid_angle_of_all_faces_closes():
    """Around a point in the xenon the faces cover 4 pi: the planes and cylinders of `inside` have no hole."""
    random = np.random.default_rng(1)
    direction = random.normal(size=(2000, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    steps = np.linspace(0, 150, 1501)[:, None, None]
    path = inside(CENTRE + steps * direction)
    assert path[0].all()
    assert not path[-1].any()
    last = CENTRE + steps[np.argmin(path, axis=0), 0] * direction
    on_face = {
        "inner": np.isclose(np.hypot(last[:, 0], last[:, 1]), R_INNER, atol=0.11),
        "outer": np.isclose(np.hypot(last[:, 0], last[:, 1]), R_OUTER, atol=0.11),
        "sides": np.isclose(np.abs(last[:, 2]), side_z(np.hypot(last[:, 0], last[:, 1])), atol=0.15),
        "ends": np.abs(np.arctan2(last[:, 1], -last[:, 0])) > np.radians(62.5),
    }
    assert np.any(list(on_face.values()), axis=0).all()
    assert all(face.any() for face in on_face.values())


@pytest.mark.parametrize("name", FACES)
def test_neighbours_are_symmetric_near_and_no_others_are_as_near(name):
    points = positions()[FACES[name].sensors]
    table = neighbours(name)
    assert table.shape == (len(points), 6)
    pairs = {(i, j) for i, row in enumerate(table) for j in row if j >= 0}
    assert all((j, i) in pairs and i != j for i, j in pairs)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2) if len(points) < 500 else None
    if distance is not None:
        assert (distance < REACH[name]).sum() - len(points) == len(pairs)
    assert all(np.linalg.norm(points[i] - points[j]) < REACH[name] for i, j in pairs)


def test_neighbours_on_staggered_rows_are_six_and_on_grids_four():
    top, inner = neighbours("top"), neighbours("inner")
    second_row_middle, left_of_it = 11 + 5, 11 + 4
    assert set(top[second_row_middle]) == {left_of_it, 11 + 6, 4, 5, 11 + 12 + 4, 11 + 12 + 5}
    assert ((top >= 0).sum(axis=1) == 6).sum() == 40  # all but those on the edge
    middle = 46 * 44 + 22
    assert set(inner[middle]) == {middle - 1, middle + 1, middle - 44, middle + 44, -1}
    assert ((inner >= 0).sum(axis=1) == 4).sum() == 91 * 42
    assert sorted(inner[0]) == [-1, -1, -1, -1, 1, 44]


def test_neighbours_come_nearest_first():
    points, table = positions()[FACES["outer"].sensors], neighbours("outer")
    for row, near in enumerate(table):
        distance = np.linalg.norm(points[near[near >= 0]] - points[row], axis=1)
        assert (np.diff(distance) > -1e-9).all()
        assert (near[len(distance) :] == -1).all()


def test_coordinates_by_hand_and_round_trip():
    assert to_uvw([-R_INNER, 0.0, 3.0]) == pytest.approx([3.0, 0.0, 0.0])
    assert to_xyz([1.0, R_INNER * np.pi / 2, 5.0]) == pytest.approx([0.0, R_INNER + 5.0, 1.0], abs=1e-12)
    random = np.random.default_rng(1)
    uvw = random.uniform([-30, -70, 0], [30, 70, EDGES.depth], (1000, 3))
    assert np.allclose(to_uvw(to_xyz(uvw)), uvw, atol=1e-10)
    assert inside(to_xyz(uvw * [0.9, 0.9, 0.9] + [0, 0, 0.1])).all()


def test_fiducial_volume_lies_in_the_xenon():
    corners = np.array([[u, v, w] for u in (-1, 1) for v in (-1, 1) for w in (0.001, 0.999)])
    assert inside(to_xyz(corners * [EDGES.u, EDGES.v, EDGES.depth])).all()


def test_sensitive_areas():
    assert areas()[0] == pytest.approx(SIPM_SIDE**2)
    assert areas()[4092] == pytest.approx(15.904, abs=1e-3)
    for table in (positions(), normals(), areas(), neighbours("top")):
        assert not table.flags.writeable  # they are made once and shared
