"""Projection of positions in argon to wires and time, and the channels and frames of the detector."""

import itertools

import numpy as np
import pytest
from argon_geometry import apa_of, arrival, channels_at, face_of, locate, project, wire, wires_at

from app.physics.argon.detector import (
    CHANNELS,
    REVERSED,
    SIGNS,
    split,
    to_canonical,
)
from app.physics.argon.planes import DRIFT_SPEED, PITCH, PROJECTION, TICKS_PER_CM

FACES = list(itertools.product(range(4), range(2)))


@pytest.fixture
def positions():
    """Return global positions in all eight drift volumes, away from their edges."""
    random = np.random.default_rng(1)
    found = random.uniform([-350, -550, 10], [350, 550, 450], (4000, 3))
    return found[np.abs(found[:, 2] - 231.5) > 5]


def test_projection_by_hand():
    degrees = np.radians(35.7)
    u, v, w, tick = project(np.array([10.0, 2.0, 3.0]))
    assert u == pytest.approx((2 * np.sin(degrees) + 3 * np.cos(degrees)) / 0.4666)
    assert v == pytest.approx((2 * np.sin(degrees) - 3 * np.cos(degrees)) / 0.4666)
    assert w == pytest.approx(3 / 0.479)
    assert tick == pytest.approx(124.55)
    assert pytest.approx(0.1606, abs=1e-4) == DRIFT_SPEED  # cm/us
    assert pytest.approx(0.0803, abs=1e-4) == 1 / TICKS_PER_CM


def test_gradients_of_u_and_v_are_those_of_the_files():
    assert np.abs(PROJECTION[0]) == pytest.approx([0, 1.252, 1.741], abs=2e-3)
    assert np.abs(PROJECTION[1]) == pytest.approx([0, 1.252, 1.741], abs=2e-3)


def test_two_planes_and_the_time_give_the_position_and_the_third_wire():
    position = np.random.default_rng(1).uniform(-100, 100, (50, 3))
    u, v, w, tick = project(position).T
    assert np.allclose(locate(u, v, tick), position)
    assert np.allclose(locate(u, v, tick)[:, 2] / PITCH[2], w)


def test_canonical_frames_differ_by_rotations():
    determinants = SIGNS.prod(axis=-1)
    assert (determinants == -1).all()
    for one, other in itertools.combinations(SIGNS.reshape(4, 3), 2):
        assert sorted(one * other) == [-1, -1, 1]  # 180 degrees about an axis


@pytest.mark.parametrize(("apa", "face"), FACES)
def test_canonical_and_back(apa, face):
    vector = np.random.default_rng(apa).normal(size=(20, 3))
    assert np.array_equal(to_canonical(to_canonical(vector, apa, face), apa, face), vector)


def test_canonical_x_is_the_distance_from_the_anode(positions):
    canonical = to_canonical(positions, apa_of(positions), face_of(positions))
    assert np.allclose(canonical[:, 0], np.abs(positions[:, 0]))


def test_apa_and_face_of_a_position():
    corners = np.array([[-9, -5, 100], [9, 5, 100], [-9, -5, 300], [9, 5, 300]], float)
    assert apa_of(corners).tolist() == [0, 1, 2, 3]
    assert face_of(corners).tolist() == [0, 1, 0, 1]


def test_split_by_hand():
    channels = np.array([0, 799, 800, 1599, 1600, 2079, 2080, 2559, 2560 + 5, 3 * 2560 + 2079])
    found = split(channels)
    assert found.apa.tolist() == [0] * 8 + [1, 3]
    assert found.plane.tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 0, 2]
    assert found.face.tolist() == [-1, -1, -1, -1, 0, 0, 1, 1, -1, 0]
    assert found.number.tolist() == [0, 799, 0, 799, 0, 479, 0, 479, 5, 479]


def test_channels_of_positions_belong_to_their_apa_plane_and_face(positions):
    found = split(channels_at(positions))
    assert (found.apa == apa_of(positions)[:, None]).all()
    assert (found.plane == [0, 1, 2]).all()
    assert (found.face[:, 2] == face_of(positions)).all()
    assert channels_at(positions).max() < 4 * CHANNELS


def test_wires_of_channels_are_those_of_the_position(positions):
    apa, face = apa_of(positions), face_of(positions)
    exact, counted = wires_at(positions, apa, face), wire(channels_at(positions), face[:, None])
    difference = counted - exact
    difference[:, :2] = (difference[:, :2] + 400) % 800 - 400
    assert np.abs(difference).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(("apa", "face"), FACES)
def test_wires_grow_as_the_projection_does(apa, face):
    """On every face the canonical numbers of U, V and X change by PROJECTION times the canonical step."""
    start = np.array([[-100.0, 100.0][face], [-300.0, 300.0][apa % 2], [100.0, 350.0][apa // 2]])
    step = np.array([3.0, -7.0, 5.0])
    change = wires_at(start + step, apa, face) - wires_at(start, apa, face)
    expected = project(to_canonical(step, apa, face))[:3]
    change[:2] = (change[:2] + 400) % 800 - 400
    assert change == pytest.approx(expected, abs=1e-9)


def test_x_channels_grow_along_the_beam_on_all_faces():
    for apa, face in FACES:
        x, y, z = [-50.0, 50.0][face], [-300.0, 300.0][apa % 2], [100.0, 350.0][apa // 2]
        low, high = channels_at(np.array([[x, y, z], [x, y, z + 10.0]]))[:, 2]
        assert high - low == pytest.approx(20.877, abs=1)
    assert REVERSED.tolist() == [[False, True], [True, False]]


def test_later_is_farther_from_the_anode():
    assert arrival(np.array([0.0, 100.0])) == pytest.approx([-53.9, 1191.6])
