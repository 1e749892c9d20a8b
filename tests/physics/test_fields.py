import numpy as np
import pytest
from field_derivatives import divergence_and_curl, values
from scipy.integrate import trapezoid

from app.core.errors import UserError
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.fields.two_dipoles import TwoDipoles
from app.physics.fields.uniform import Uniform
from app.physics.magnetic_field import FIELDS

PLACES = np.random.default_rng(1).uniform([-400, -400, 2500], [400, 400, 8000], (50, 3)).T
FORMULAS = [
    Uniform(),
    Uniform(bx=0.2),
    Uniform(bz=0.2),
    GaussianDipole(),
    GaussianDipole(maxwell=True),
    TwoDipoles(),
]


def test_names_of_all_fields():
    assert FIELDS.names() == ["gaussian_dipole", "harmonic", "map", "toroid", "two_dipoles", "uniform"]


def test_gaussian_dipole_has_its_peak_its_width_and_its_integral():
    field = FIELDS.parse("gaussian_dipole").build()
    assert field(0.0, 0.0, 5007.0) == (0.0, pytest.approx(-1.0182), 0.0)
    assert field(0.0, 0.0, 5007.0 + 1744.0)[1] == pytest.approx(-1.0182 * np.exp(-0.5))
    z = np.linspace(-10000, 20000, 3001)
    assert trapezoid(field(0.0, 0.0, z)[1], z) == pytest.approx(-1.0182 * 1744.0 * np.sqrt(2 * np.pi), rel=1e-9)


def test_maxwell_term_leaves_no_divergence_and_a_curl_of_the_order_left_out():
    field, (x, y, z) = GaussianDipole(maxwell=True), PLACES
    divergence, curl = divergence_and_curl(field, np.stack([x, y, z]))
    u = (z - field.center) / field.sigma
    third = field.peak * np.exp(-u * u / 2) * (3 * u - u**3) / field.sigma**3
    assert np.abs(divergence).max() < 1e-13
    assert np.allclose(curl[0], y**2 / 2 * third, atol=1e-13)
    assert np.abs(curl[1:]).max() < 1e-13


def test_without_the_maxwell_term_the_curl_is_the_whole_gradient():
    _, curl = divergence_and_curl(GaussianDipole(), PLACES)
    u = (PLACES[2] - 5007.0) / 1744.0
    assert np.allclose(curl[0], -1.0182 * np.exp(-u * u / 2) * u / 1744.0, atol=1e-12)


def test_two_dipoles_obey_maxwells_equations():
    divergence, curl = divergence_and_curl(TwoDipoles(), PLACES)
    assert np.abs(divergence).max() < 1e-13
    assert np.abs(curl).max() < 1e-13


@pytest.mark.parametrize(("z", "by"), [(5000.0, 1.0320), (3000.0, 0.5169), (0.0, 0.0215)])
def test_two_dipoles_on_the_axis(z, by):
    bx, found, bz = TwoDipoles()(0.0, 0.0, z)
    assert (bx, bz) == (0.0, 0.0)
    assert found == pytest.approx(by, abs=5e-5)


@pytest.mark.parametrize("field", FORMULAS, ids=str)
def test_promised_symmetries_hold_and_the_others_do_not(field):
    x, y, z = PLACES
    here, in_x, in_y = values(field, x, y, z), values(field, -x, y, z), values(field, x, -y, z)
    symmetry = field.symmetry
    assert symmetry.mirror_x == np.allclose(in_x, here * [[-1], [1], [1]])
    assert symmetry.mirror_y == np.allclose(in_y, here * [[-1], [1], [-1]])
    assert symmetry.depends_on_x == (not np.allclose(values(field, x + 50, y, z), here))
    assert symmetry.depends_on_y == (not np.allclose(values(field, x, y + 50, z), here))
    assert symmetry.depends_on_z == (not np.allclose(values(field, x, y, z + 50), here))


@pytest.mark.parametrize("field", FORMULAS, ids=str)
def test_formulas_hold_everywhere(field):
    assert field.inside(*PLACES) is True


def test_a_misspelt_parameter_names_the_right_one():
    with pytest.raises(UserError, match="Did you mean 'center'"):
        FIELDS.parse({"name": "gaussian_dipole", "centre": 5000})
