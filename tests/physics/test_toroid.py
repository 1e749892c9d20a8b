"""The field of a toroid: its size, its integral, Maxwell's equations, what it promises."""

import numpy as np
import pytest
from scipy.integrate import quad

from app.core.errors import UserError
from app.physics.fields.toroid import Toroid
from app.physics.magnetic_field import FIELDS

BARREL = Toroid()
END_CAPS = Toroid(strength=1.7, r=(800.0, 4500.0), z=(8000.0, 13000.0))
RANDOM = np.random.default_rng(1)
PHI = RANDOM.uniform(-np.pi, np.pi, 60)


def places(low, high, z_low, z_high):
    r = RANDOM.uniform(low, high, 60)
    return np.stack([r * np.cos(PHI), r * np.sin(PHI), RANDOM.uniform(z_low, z_high, 60)])


def azimuthal(field, place):
    bx, by, bz = field(*place)
    r = np.hypot(place[0], place[1])
    assert bz == 0.0
    assert np.abs(bx * place[0] + by * place[1]).max() < 1e-9  # nothing along r
    return (by * place[0] - bx * place[1]) / r


def test_inside_the_field_is_strength_over_r():
    place = places(4800, 9700, -12000, 12000)
    assert np.allclose(azimuthal(BARREL, place), 3.2 / (np.hypot(place[0], place[1]) / 1000), rtol=1e-12)


def test_there_is_no_field_outside_of_the_coils():
    for place in (places(0, 4249, -12000, 12000), places(10251, 15000, -9000, 9000), places(5000, 9000, 13251, 20000)):
        assert np.abs(azimuthal(BARREL, place)).max() == 0.0
    for side in (-1, 1):
        place = places(1100, 4200, 8300, 12700) * np.array([[1], [1], [side]])
        assert np.allclose(azimuthal(END_CAPS, place), 1.7 / (np.hypot(place[0], place[1]) / 1000), rtol=1e-12)
    assert np.abs(azimuthal(END_CAPS, places(1100, 4200, -7749, 7749))).max() == 0.0


def test_the_integral_along_r_is_that_of_one_over_r():
    """Coils of 500 mm at radii 4500 and 10000 change `strength ln(r2 / r1)` by the curvature of 1/r alone."""
    integral = sum(
        quad(lambda r: BARREL(r, 0.0, 0.0)[1], a, b)[0] for a, b in ((4200, 4800), (4800, 9700), (9700, 10300))
    )
    assert integral / 1000 == pytest.approx(3.2 * np.log(10000 / 4500), rel=1e-3)


@pytest.mark.parametrize("field", [BARREL, END_CAPS])
def test_divergence_vanishes_everywhere_and_curl_where_no_coil_is(field):
    def derivatives(place):
        columns = []
        for axis in range(3):
            shift = np.zeros((3, 1))
            shift[axis] = 1.0
            ahead, back = (np.array([np.broadcast_to(b, 60) for b in field(*(place + s))]) for s in (shift, -shift))
            columns.append((ahead - back) / 2.0)
        return np.array(columns)  # [axis, component]

    d = derivatives(places(900, 11000, 7000, 14000))
    assert np.abs(d[0, 0] + d[1, 1] + d[2, 2]).max() < 1e-7  # what central differences leave of 1e-3
    low, high = field.r
    d = derivatives(places(low + 260, high - 260, 8260, 12700))
    assert np.abs(d[0, 1] - d[1, 0]).max() < 1e-7
    assert np.abs(d[2]).max() == 0.0


def test_promised_symmetries_hold_and_the_others_do_not():
    x, y, z = places(4800, 9700, -12000, 12000)
    here, in_y, in_x = (np.array([*BARREL(*place)[:2]]) for place in ((x, y, z), (x, -y, z), (-x, y, z)))
    assert BARREL.symmetry.mirror_y
    assert np.allclose(in_y, here * [[-1], [1]])
    assert not BARREL.symmetry.mirror_x
    assert np.allclose(in_x, here * [[1], [-1]])


def test_on_the_axis_the_field_is_finite():
    assert BARREL(0.0, 0.0, 0.0) == (0.0, 0.0, 0.0)


def test_it_is_a_field_of_jobs():
    assert FIELDS.parse({"name": "toroid", "strength": 1.7, "r": [800, 4500], "z": [8000, 13000]}).build() == END_CAPS
    with pytest.raises(UserError, match=r"the lower end 5000\.0 lies above the upper end 4500\.0"):
        FIELDS.parse({"name": "toroid", "r": [5000, 4500]})
