"""Known means and widths of scattering in liquid argon, to compare simulations with."""

import numpy as np

from app.physics.argon.medium import DENSITY, ELECTRON_MASS
from app.physics.argon.scattering import beta_squared, momentum

RADIATION_LENGTH = 19.55 / DENSITY
"""Radiation length of the liquid, 14.0 cm [cm]."""


def compton_mean_transfer(energy):
    """Return the mean energy of the scattered electron over the photon's: the Klein-Nishina formula integrated."""
    k = np.asarray(energy, np.float64) / ELECTRON_MASS
    nodes, weights = np.polynomial.legendre.leggauss(64)
    loss = 1 - nodes[:, None]  # 1 - cos theta
    ratio = 1 / (1 + np.atleast_1d(k) * loss)
    density = ratio**2 * (ratio + 1 / ratio - 1 + nodes[:, None] ** 2) * weights[:, None]
    return np.asarray((density * (1 - ratio)).sum(axis=0) / density.sum(axis=0)).reshape(k.shape)


def highland(energy, length):
    """Return the width of an electron's angle in a plane [rad] after a length [cm], energy loss left out.

    13.6 MeV / (beta c p) sqrt(x/X0) [1 + 0.038 ln(x / (X0 beta^2))]: it describes the central 98 % of the angles
    to 11 % from 0.001 to 100 radiation lengths.

    References:
        G. R. Lynch, O. I. Dahl, Approximations to multiple Coulomb scattering, doi:10.1016/0168-583X(91)95671-Y.
    """
    beta2, x = beta_squared(energy), np.asarray(length, np.float64) / RADIATION_LENGTH
    return np.asarray(13.6 / (momentum(energy) * np.sqrt(beta2)) * np.sqrt(x) * (1 + 0.038 * np.log(x / beta2)))


def recoil_cosine(recoil, energy):
    """Return the cosine between neutrino and electron: (1 + m/E) sqrt(T / (T + 2 m))."""
    return (1 + ELECTRON_MASS / energy) * np.sqrt(recoil / (recoil + 2 * ELECTRON_MASS))
