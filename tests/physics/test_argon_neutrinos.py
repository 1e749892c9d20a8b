"""Cross sections of supernova neutrinos, against integrals, limits and known values."""

import numpy as np
import pytest
from argon_formulas import recoil_cosine

from app.physics.argon.medium import ELECTRON_MASS
from app.physics.argon.neutrinos import (
    COUPLING_LEFT,
    COUPLING_RIGHT,
    ELASTIC_SCALE,
    FERMI,
    GAMOW_TELLER,
    Q_VALUE,
    charged_current_weight,
    elastic_cross_section,
    electron_space,
    highest_recoil,
    pinched_flux,
)


def test_flux_has_its_mean_and_width():
    energy = np.linspace(0, 200, 200_001)
    weight = pinched_flux(energy, 15.0, 3.0)
    mean = (energy * weight).sum() / weight.sum()
    assert mean == pytest.approx(15.0)
    spread = ((energy - mean) ** 2 * weight).sum() / weight.sum()
    assert spread == pytest.approx(15.0**2 / 4)  # mean^2 / (1 + alpha)


@pytest.mark.parametrize("energy", [5.0, 15.0, 60.0])
def test_the_hardest_recoil_goes_straight_on(energy):
    assert recoil_cosine(highest_recoil(energy), energy) == pytest.approx(1.0)
    assert recoil_cosine(np.array(1e-9), energy) < 1e-3  # the softest one goes sideways


def test_recoils_conserve_energy_and_momentum():
    """The neutrino that is left has no mass: (E - T)^2 = E^2 + p^2 - 2 E p cos."""
    energy, recoil = 20.0, np.linspace(0.1, float(highest_recoil(20.0)), 20)
    p = np.sqrt(recoil * (recoil + 2 * ELECTRON_MASS))
    left = energy**2 + p**2 - 2 * energy * p * recoil_cosine(recoil, energy)
    assert left == pytest.approx((energy - recoil) ** 2)


@pytest.mark.parametrize("threshold", [0.0, 5.0])
def test_cross_section_is_the_integral_over_recoils(threshold):
    energy = 20.0
    recoil = np.linspace(threshold, float(highest_recoil(energy)), 10_001)
    left, right = COUPLING_LEFT, COUPLING_RIGHT
    density = left**2 + right**2 * (1 - recoil / energy) ** 2 - left * right * ELECTRON_MASS * recoil / energy**2
    assert elastic_cross_section(np.array(energy), threshold) == pytest.approx(
        ELASTIC_SCALE * np.trapezoid(density, recoil), rel=1e-6
    )


def test_cross_section_has_the_known_size():
    """9.2e-45 cm2 per MeV for electron neutrinos."""
    assert elastic_cross_section(np.array(100.0), 0.0) / 100 == pytest.approx(9.3e-45, rel=0.03)
    assert elastic_cross_section(np.array(3.0), 5.0) == 0


def test_charged_current_begins_at_its_threshold_and_grows_with_the_square():
    low, high = charged_current_weight(np.array([Q_VALUE + 4.38, Q_VALUE + 4.39]), 4.384, 4.0)
    assert (low, high > 0) == (0.0, True)
    one, two = charged_current_weight(np.array([1000.0, 2000.0]) + Q_VALUE + 4.384, 4.384, 4.0)
    assert two / one == pytest.approx(4.0, rel=1e-2)


def test_the_analogue_state_carries_a_third_of_the_transitions():
    levels = np.concatenate([FERMI, GAMOW_TELLER])
    weight = np.array([charged_current_weight(np.array(25.0), *level) for level in levels])
    assert weight[0] / weight.sum() == pytest.approx(0.41, abs=0.02)
    assert GAMOW_TELLER[:, 1].sum() == pytest.approx(5.52, abs=0.01)


def test_the_coulomb_field_draws_slow_electrons_nearer():
    assert electron_space(np.array(0.0), 19) == pytest.approx(2 * np.pi / 137.036 * 19 * ELECTRON_MASS**2)
    fast = np.array(50.0)
    n = 19 / 137.036
    expected = 2 * np.pi * n / (1 - np.exp(-2 * np.pi * n))
    assert electron_space(fast, 19) / (50.0 + ELECTRON_MASS) ** 2 == pytest.approx(expected, rel=1e-3)
