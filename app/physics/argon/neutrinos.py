"""Neutrinos of a supernova and electrons: elastic scattering on electrons, charged currents on argon-40.

Energies in MeV: E of the neutrino, T the kinetic energy of the electron.
"""

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.medium import ELECTRON_MASS, FINE_STRUCTURE

Floats = NDArray[np.float64]

WEAK_MIXING = 0.2312
"""sin^2 of the weak mixing angle."""
COUPLING_LEFT, COUPLING_RIGHT = 0.5 + WEAK_MIXING, WEAK_MIXING
"""Couplings of electron neutrinos to electrons, charged and neutral current together."""
ELASTIC_SCALE = 1.723e-44
"""The factor 2 G_F^2 m / pi of the elastic cross section [cm2/MeV]."""

Q_VALUE = 1.504
"""Threshold of nu_e + 40Ar -> e- + 40K to the ground state [MeV]."""
POTASSIUM = 19
"""Number of protons of the final nucleus."""
GAMOW_TELLER: Floats = np.array(
    [
        [2.290, 0.90], [2.730, 1.50], [2.951, 0.11], [3.110, 0.06], [3.293, 0.04], [3.517, 0.01], [3.738, 0.16],
        [3.797, 0.26], [3.840, 0.01], [3.996, 0.05], [4.080, 0.11], [4.252, 0.29], [4.508, 0.31], [4.697, 0.38],
        [4.765, 0.47], [4.930, 0.36], [5.063, 0.23], [5.190, 0.03], [5.681, 0.11], [6.118, 0.13],
    ]
)  # fmt: skip
"""Excitation energy of levels of 40K [MeV] and Gamow-Teller strength of the transitions, measured with beta decays."""
FERMI: Floats = np.array([[4.384, 4.00]])
"""Excitation energy of the isobaric analogue state [MeV] and its Fermi strength N - Z."""


def pinched_flux(energy: Floats, mean: float, alpha: float) -> Floats:
    """Return the spectrum of supernova neutrinos, not normalised: (E/mean)^alpha exp(-(alpha + 1) E/mean).

    Args:
        energy: of the neutrinos [MeV].
        mean: their mean energy [MeV].
        alpha: pinching; 2 is nearly thermal, larger is narrower.

    References:
        M. T. Keil, G. G. Raffelt, H.-T. Janka, Monte Carlo study of supernova neutrino spectra formation,
        arXiv:astro-ph/0208035.
    """
    x = np.asarray(energy, np.float64) / mean
    return np.asarray(x**alpha * np.exp(-(alpha + 1) * x))


def highest_recoil(energy: Floats) -> Floats:
    """Return the largest kinetic energy that a neutrino gives to an electron at rest: 2 E^2 / (m + 2 E)."""
    energy = np.asarray(energy, np.float64)
    return np.asarray(2 * energy**2 / (ELECTRON_MASS + 2 * energy))


def elastic_cross_section(energy: Floats, threshold: float) -> Floats:
    """Return the cross section of nu_e on an electron for recoils above a threshold [cm2], at tree level.

    dsigma/dT = (2 G_F^2 m / pi) [gL^2 + gR^2 (1 - T/E)^2 - gL gR m T / E^2], integrated from the threshold to
    `highest_recoil`. Radiative corrections (some per cent) are left out; other flavours have gL - 1.

    Args:
        energy: of the neutrino [MeV].
        threshold: smallest kinetic energy of the electron [MeV].
    """
    energy = np.asarray(energy, np.float64)
    high = np.maximum(highest_recoil(energy), threshold)
    return np.asarray(ELASTIC_SCALE * (_elastic_integral(high, energy) - _elastic_integral(threshold, energy)))


def _elastic_integral(recoil: Floats | float, energy: Floats) -> Floats:
    right = -energy / 3 * (1 - recoil / energy) ** 3
    mixed = ELECTRON_MASS * recoil**2 / (2 * energy**2)
    return np.asarray(COUPLING_LEFT**2 * recoil + COUPLING_RIGHT**2 * right - COUPLING_LEFT * COUPLING_RIGHT * mixed)


def charged_current_weight(energy: Floats, excitation: float, strength: float) -> Floats:
    """Return the relative cross section of a transition to a level of 40K: B p_e E_e F(E_e), allowed approximation.

    Form factors and recoil, which matter above 50 MeV, are left out, as are levels above 7 MeV, which emit nucleons.

    Args:
        energy: of the neutrino [MeV].
        excitation: of the level [MeV].
        strength: B(F) or B(GT).

    References:
        M. Bhattacharya et al., Neutrino absorption efficiency of an 40Ar detector from the beta decay of 40Ti,
        doi:10.1103/PhysRevC.58.3677.
    """
    recoil = np.asarray(energy, np.float64) - Q_VALUE - excitation
    space = electron_space(np.maximum(recoil, 0), POTASSIUM)
    return np.asarray(np.where(recoil > 0, strength * space, 0.0))


def electron_space(energy: Floats, charge: int) -> Floats:
    """Return p E F of electrons with kinetic energy [MeV] near a nucleus, finite at rest.

    F = 2 pi n / (1 - exp(-2 pi n)), n = alpha Z E/p: the Coulomb field of a point charge attracts slow electrons.
    """
    energy = np.asarray(energy, np.float64)
    total = energy + ELECTRON_MASS
    p = np.sqrt(energy * (energy + 2 * ELECTRON_MASS))
    pull = 2 * np.pi * FINE_STRUCTURE * charge * total
    slow = np.where(p > 0, np.exp(-pull / np.where(p > 0, p, 1.0)), 0.0)
    return np.asarray(total * pull / (1 - slow))
