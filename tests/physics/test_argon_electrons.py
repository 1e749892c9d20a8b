"""Energy loss, recombination and scattering of electrons in argon, against NIST's tables, integrals and limits."""

import numpy as np
import pytest
from argon_formulas import highland

from app.physics.argon.electrons import (
    LOSS_SCALE,
    beta_squared,
    collision_loss,
    csda_range,
    delta_rate,
    density_effect,
    momentum,
    radiative_loss,
)
from app.physics.argon.medium import ATOMS, DENSITY, ELECTRON_MASS, ELECTRON_RADIUS, FINE_STRUCTURE, Z, surviving
from app.physics.argon.scattering import (
    bremsstrahlung_shape,
    rutherford_scale,
    scatter_cut,
    scatter_rate,
    screening,
    transport_rate,
)

ENERGY = np.array([0.1, 1.0, 10.0, 50.0])


def test_collision_loss_of_the_gas_is_that_of_estar():
    """In gas the density effect vanishes below 30 MeV."""
    gas = collision_loss(ENERGY[:3], delta=np.zeros(3)) / DENSITY
    assert gas == pytest.approx([2.917, 1.376, 1.678], rel=5e-4)


def test_collision_loss_of_the_liquid():
    assert collision_loss(np.array([5.0, 10, 20, 50])) == pytest.approx([2.06, 2.17, 2.28, 2.40], abs=0.005)


def test_density_effect_vanishes_for_slow_electrons_and_goes_on_smoothly():
    slow, edge = np.array([0.1, 0.4]), np.array([510.4, 510.6])  # x1 = 3 is at beta gamma = 1000
    assert density_effect(slow)[0] == 0
    assert np.diff(density_effect(edge)) == pytest.approx(0, abs=0.01)


def test_collisions_below_and_above_a_cut_make_the_whole():
    """The loss above the cut is the integral of W times Moller's formula, done numerically."""
    for energy in ENERGY[1:]:
        w = np.geomspace(0.03, energy / 2, 20001)
        t, e = energy / ELECTRON_MASS, w / energy
        a, b = (t / (t + 1)) ** 2, (2 * t + 1) / (t + 1) ** 2
        density = LOSS_SCALE / beta_squared(energy) / energy**2 * (1 / e**2 + 1 / (1 - e) ** 2 + a - b / (e * (1 - e)))
        whole, below = collision_loss(np.array(energy)), collision_loss(np.array(energy), 0.03)
        assert np.trapezoid(density, w) == pytest.approx(delta_rate(np.array(energy), 0.03), rel=1e-5)
        assert np.trapezoid(density * w, w) == pytest.approx(whole - below, rel=2e-4)


def test_no_delta_electrons_below_twice_the_cut():
    assert delta_rate(np.array([0.05, 0.06]), 0.03) == pytest.approx(0, abs=1e-12)


def test_ranges_are_those_of_estar_but_for_the_density_effect():
    found = csda_range(np.array([0.25, 1.0, 10.0])) * DENSITY
    assert found == pytest.approx([0.0892, 0.594, 5.86], rel=0.04)
    assert (found[1:] > [0.5939, 5.861]).all()  # the liquid stops less


def test_radiative_loss_is_the_integral_of_tsais_spectrum():
    scale = 16 / 3 * FINE_STRUCTURE * ELECTRON_RADIUS**2 * Z**2 * ATOMS
    nodes, weights = np.polynomial.legendre.leggauss(64)
    share = (nodes + 1) / 2
    for energy in (1.0, 5.0, 20.0, 50.0):
        total = energy + ELECTRON_MASS
        integral = (weights / 2 * bremsstrahlung_shape(share * energy / total, total)).sum() * energy * scale
        assert radiative_loss(np.array(energy)) == pytest.approx(integral, rel=0.01)


def test_spectrum_of_fast_electrons_is_that_of_complete_screening():
    """Far above the electron mass k dn/dk = (1 - y + 3/4 y^2) L + (1 - y)/12 (1 + 1/Z), L is known."""
    y, log = np.array([0.0, 0.25, 0.5, 0.75]), np.log(18)
    length = 20.863 / 4 - log / 3 + (28.34 / 4 - 2 * log / 3) / 18
    expected = (1 - y + 0.75 * y**2) * length + (1 - y) / 12 * (1 + 1 / 18)
    assert bremsstrahlung_shape(y, 1e7) == pytest.approx(expected, rel=2e-3)
    scale = 4 * FINE_STRUCTURE * ELECTRON_RADIUS**2 * Z**2 * ATOMS
    assert 1 / (scale * length) == pytest.approx(14.0, rel=0.01)


def test_surviving_charge():
    assert surviving(np.array(2.1)) == pytest.approx(0.705, abs=1e-3)
    assert (np.diff(surviving(np.linspace(1.5, 20, 50))) < 0).all()


def test_scatter_cut_undoes_the_rate():
    cut = scatter_cut(ENERGY, np.full(4, 3.0))
    assert scatter_rate(ENERGY, cut)[1:] == pytest.approx(3.0)


def test_transport_rate_is_the_mean_of_one_minus_cosine():
    for energy in ENERGY:
        a, beta2 = screening(energy), beta_squared(energy)
        m = np.concatenate([[0], np.geomspace(a * 1e-4, 1, 200_001)])
        density = rutherford_scale(energy) * (1 - beta2 * m) / (m + a) ** 2
        assert transport_rate(energy, np.array(1.0)) == pytest.approx(np.trapezoid(2 * m * density, m), rel=1e-4)


def test_fast_electrons_scatter_as_moliere_says():
    """chi_c^2 = 0.157 Z (Z + 1)/A x/p^2 (x in g/cm2, p in MeV), chi_a^2 after Lynch and Dahl."""
    energy = np.array(50.0)
    p2 = momentum(energy) ** 2
    assert 4 * rutherford_scale(energy) == pytest.approx(0.157 * 18 * 19 / 39.948 * DENSITY / p2, rel=2e-3)
    expected = 2.007e-5 * Z ** (2 / 3) * (1 + 3.34 * (Z * FINE_STRUCTURE) ** 2) / p2
    assert 4 * screening(energy) == pytest.approx(expected, rel=2e-3)


def test_highland_by_hand():
    x = 0.3 / 14.0
    assert highland(np.array(20.0), np.array(0.3)) == pytest.approx(
        13.6 / 20.5 * np.sqrt(x) * (1 + 0.038 * np.log(x)), rel=0.01
    )
