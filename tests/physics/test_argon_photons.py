"""Photons in argon, against NIST's attenuation coefficients and limits."""

import numpy as np
import pytest
from argon_formulas import compton_mean_transfer

from app.physics.argon.medium import DENSITY, ELECTRON_MASS, ELECTRON_RADIUS, ELECTRONS
from app.physics.argon.photons import compton_rate, pair_rate, photoelectric_rate

NIST = {
    0.5: 0.07958, 1.0: 0.05762, 1.5: 0.04695, 2.0: 0.04074, 3.0: 0.03384, 5.0: 0.02802, 10.0: 0.02451, 20.0: 0.02453,
}  # fmt: skip
"""Attenuation of argon [cm2/g] at photon energies [MeV] (Hubbell and Seltzer, NIST SRD 126)."""


@pytest.mark.parametrize("energy", NIST)
def test_attenuation(energy):
    k = np.array(energy)
    total = (compton_rate(k) + pair_rate(k) + photoelectric_rate(k)) / DENSITY
    assert total == pytest.approx(NIST[energy], rel=0.01)


def test_low_energies_lack_coherent_scattering_and_no_more():
    k = np.array([0.05, 0.08, 0.2])
    total = (compton_rate(k) + photoelectric_rate(k)) / DENSITY
    missing = 1 - total / [0.7012, 0.2760, 0.1205]
    assert ((missing > 0.02) & (missing < 0.1)).all()


def test_compton_scattering_of_soft_photons_is_thomsons():
    thomson = 8 * np.pi / 3 * ELECTRON_RADIUS**2
    assert compton_rate(np.array(1e-4)) / ELECTRONS == pytest.approx(thomson, rel=1e-3)


def test_mean_energy_of_compton_electrons():
    """The known mean shares at 0.1, 1 and 10 MeV; k^1 at low energies: k (1 - ...) -> T/k = k/m."""
    assert compton_mean_transfer(np.array([0.1, 1.0, 10.0])) == pytest.approx([0.138, 0.440, 0.684], abs=1e-3)
    assert compton_mean_transfer(np.array(1e-4)) == pytest.approx(1e-4 / ELECTRON_MASS, rel=2e-3)


def test_pairs_need_twice_the_electron_mass_and_begin_smoothly():
    assert (pair_rate(np.array([0.5, 1.0, 2 * ELECTRON_MASS])) == 0).all()
    below, above = pair_rate(np.array([1.5 - 1e-6, 1.5 + 1e-6]))
    assert below == pytest.approx(above, rel=1e-4)


def test_photoelectric_absorption_falls_with_about_the_third_power():
    k = np.array([0.03, 0.06])
    assert np.log2(np.divide(*photoelectric_rate(k))) == pytest.approx(3.0, abs=0.15)
