"""Deflection of electrons in liquid argon by screened Rutherford scattering, and their bremsstrahlung.

With m = (1 - cos theta)/2 the scatters per length are

    dn/dm = K (1 - beta^2 m) / (m + A)^2,  K = pi N Z (Z + 1) (r_e m_e / (p beta))^2,

Rutherford's formula with Moliere's screening A and Mott's factor; Z (Z + 1) stands for the electrons of the atom too.
Energies in MeV, lengths in cm.

References:
    H. A. Bethe, Moliere's theory of multiple scattering, doi:10.1103/PhysRev.89.1256.
    J. M. Fernandez-Varea, R. Mayol, J. Baro, F. Salvat, On the theory and simulation of multiple elastic scattering of
    electrons, doi:10.1016/0168-583X(93)95827-R.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.electrons import beta_squared, momentum
from app.physics.argon.medium import ATOMS, ELECTRON_MASS, ELECTRON_RADIUS, FINE_STRUCTURE, Z

Floats = NDArray[np.float64]

THOMAS_FERMI = 0.88534 * ELECTRON_RADIUS / FINE_STRUCTURE**2 * Z ** (-1 / 3)
"""Thomas-Fermi radius of the atom [cm]."""
COMPTON_LENGTH = ELECTRON_RADIUS / FINE_STRUCTURE
"""Reduced Compton wavelength of the electron, hbar / (m c) [cm]."""


def rutherford_scale(energy: Floats) -> Floats:
    """Return K [1/cm] of electrons with kinetic energy [MeV]."""
    pv = momentum(energy) * np.sqrt(beta_squared(energy))
    return np.asarray(np.pi * ATOMS * Z * (Z + 1) * (ELECTRON_RADIUS * ELECTRON_MASS / pv) ** 2)


def screening(energy: Floats) -> Floats:
    """Return Moliere's screening A = (hbar / 2 p a)^2 (1.13 + 3.76 (alpha Z / beta)^2)."""
    wave = COMPTON_LENGTH * ELECTRON_MASS / momentum(energy)
    mott = (FINE_STRUCTURE * Z) ** 2 / beta_squared(energy)
    return np.asarray((wave / (2 * THOMAS_FERMI)) ** 2 * (1.13 + 3.76 * mott))


def scatter_rate(energy: Floats, cut: Floats) -> Floats:
    """Return scatters with m > cut per length [1/cm], Mott's factor left out."""
    a = screening(energy)
    return np.asarray(rutherford_scale(energy) * (1 / (cut + a) - 1 / (1 + a)))


def scatter_cut(energy: Floats, rate: Floats) -> Floats:
    """Return the cut above which there are `rate` scatters per length [1/cm], the inverse of `scatter_rate`."""
    a = screening(energy)
    return np.asarray(np.clip(1 / (rate / rutherford_scale(energy) + 1 / (1 + a)) - a, 0, 1))


def transport_rate(energy: Floats, cut: Floats) -> Floats:
    """Return the mean of 1 - cos theta per length [1/cm] by scatters with m < cut; 1 for all."""
    a = screening(energy)
    log, share = np.log((cut + a) / a), cut / (cut + a)
    first, second = log - share, cut - 2 * a * log + a * share
    return np.asarray(2 * rutherford_scale(energy) * (first - beta_squared(energy) * second))


def bremsstrahlung_shape(fraction: Any, energy: Any) -> Any:
    """Return k dn/dk of photons up to a factor: Tsai's formula with incomplete screening. Numbers or arrays.

    Bethe and Heitler in Born approximation, in the fields of nuclei and electrons; times 16 alpha r_e^2 Z^2 N / 3 its
    integral is `electrons.radiative_loss` within 1 % from 1 to 50 MeV, though the approximation fails below 2 MeV.

    Args:
        fraction: k / E, of the electron's total energy.
        energy: E [MeV].

    References:
        Y.-S. Tsai, Pair production and bremsstrahlung of charged leptons, doi:10.1103/RevModPhys.46.815.
    """
    ratio = 100 * ELECTRON_MASS / energy * fraction / (1 - fraction)
    g, e = ratio / Z ** (1 / 3), ratio / Z ** (2 / 3)
    phi = 20.863 - 2 * np.log(1 + (0.55846 * g) ** 2) - 4 * (1 - 0.6 * np.exp(-0.9 * g) - 0.4 * np.exp(-1.5 * g))
    psi = 28.34 - 2 * np.log(1 + (3.621 * e) ** 2) - 4 * (1 - 0.7 * np.exp(-8 * e) - 0.3 * np.exp(-29.2 * e))
    nucleus = np.maximum(phi / 4 - math.log(Z) / 3, 0.0)
    electrons = np.maximum(psi / 4 - 2 * math.log(Z) / 3, 0.0)
    less = 2 / 3 / (1 + 6.5 * g + 6 * g**2) + 2 / 3 / (1 + 40 * e + 400 * e**2) / Z
    return (1 - fraction + 0.75 * fraction**2) * (nucleus + electrons / Z) + (1 - fraction) / 8 * less
