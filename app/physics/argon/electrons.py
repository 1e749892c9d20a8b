"""Energy loss of electrons in liquid argon by collisions and by radiation, and their range.

Kinetic energies T in MeV, lengths in cm, losses per length in MeV/cm.
"""

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.medium import DENSITY, ELECTRON_MASS, ELECTRON_RADIUS, ELECTRONS

Floats = NDArray[np.float64]

MEAN_EXCITATION = 188e-6
"""Mean excitation energy I of argon [MeV]."""
STERNHEIMER = (0.2, 3.0, 0.19559, 3.0, 5.2146)
"""Sternheimer's parameters x0, x1, a, k, C of the density effect in liquid argon."""
LOSS_SCALE = 2 * np.pi * ELECTRON_RADIUS**2 * ELECTRON_MASS * ELECTRONS
"""2 pi r_e^2 m n = 0.0966 MeV/cm: losses per length are multiples of this divided by beta^2."""

RADIATIVE_ENERGY: Floats = np.array([0.0125, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150])
RADIATIVE_LOSS: Floats = np.array(
    [.008444, .00954, .01, .01113, .01616, .02748, .05581, .08831, .16, .2373, .3595, .5733, .7949, 1.251, 2.192,
     3.152, 4.614, 7.083]
)  # fmt: skip
"""Radiative stopping power of argon [MeV cm2/g] at the energies above, from ESTAR of NIST after Seltzer and Berger."""


def beta_squared(energy: Floats) -> Floats:
    """Return (v/c)^2 of electrons with kinetic energy [MeV]."""
    gamma = 1 + np.asarray(energy, np.float64) / ELECTRON_MASS
    return np.asarray(1 - 1 / gamma**2)


def momentum(energy: Floats) -> Floats:
    """Return the momentum [MeV/c] of electrons with kinetic energy [MeV]."""
    energy = np.asarray(energy, np.float64)
    return np.sqrt(energy * (energy + 2 * ELECTRON_MASS))


def density_effect(energy: Floats) -> Floats:
    """Return Sternheimer's delta of the liquid: 0 below x0, and linear in x = log10(beta gamma) above x1.

    References:
        R. M. Sternheimer, M. J. Berger, S. M. Seltzer, Density effect for the ionization loss of charged particles in
        various substances, doi:10.1016/0092-640X(84)90002-0.
    """
    low, high, a, k, c = STERNHEIMER
    x = np.log10(momentum(energy) / ELECTRON_MASS)
    delta = 2 * np.log(10) * x - c + a * np.maximum(high - x, 0) ** k
    return np.asarray(np.where(x < low, 0.0, delta))


def collision_loss(energy: Floats, cut: float = np.inf, delta: Floats | None = None) -> Floats:
    """Return the mean loss per length by collisions that transfer less than `cut` [MeV/cm]: Berger and Seltzer.

    S = (2 pi r_e^2 m n / beta^2) [ln(2 (t + 2) m^2 / I^2) + F(t, d) - delta], t = T/m, d = cut/m, at most T/2:
    F = -1 - beta^2 + ln((t - d) d) + t/(t - d) + [d^2/2 + (2t + 1) ln(1 - d/t)]/(t + 1)^2.
    Shell corrections are left out, which makes it some per cent too large below 30 keV.

    Args:
        energy: kinetic energy [MeV].
        cut: largest transfer [MeV].
        delta: density effect; that of the liquid when not given.

    References:
        M. J. Berger, S. M. Seltzer, Stopping powers and ranges of electrons and positrons, NBSIR 82-2550.
        ICRU Report 37, Stopping powers for electrons and positrons.
    """
    energy = np.asarray(energy, np.float64)
    delta = density_effect(energy) if delta is None else delta
    t, beta2 = energy / ELECTRON_MASS, beta_squared(energy)
    d = np.minimum(cut / ELECTRON_MASS, t / 2)
    close = (d**2 / 2 + (2 * t + 1) * np.log(1 - d / t)) / (t + 1) ** 2
    f = -1 - beta2 + np.log((t - d) * d) + t / (t - d) + close
    distant = np.log(2 * (t + 2) * (ELECTRON_MASS / MEAN_EXCITATION) ** 2)
    return np.asarray(LOSS_SCALE / beta2 * (distant + f - delta))


def delta_rate(energy: Floats, cut: float) -> Floats:
    """Return the number of delta electrons above `cut` [MeV] per length [1/cm]: the integral of Moller's formula.

    With e = W/T from cut/T to 1/2: n = (2 pi r_e^2 m n / beta^2 T) [-1/e + 1/(1 - e) + a e - b ln(e/(1 - e))],
    a = (t/(t + 1))^2, b = (2t + 1)/(t + 1)^2.
    """
    energy = np.asarray(energy, np.float64)
    t = energy / ELECTRON_MASS
    a, b = (t / (t + 1)) ** 2, (2 * t + 1) / (t + 1) ** 2
    e = np.minimum(cut / energy, 0.5)
    low = -1 / e + 1 / (1 - e) + a * e - b * np.log(e / (1 - e))
    return np.asarray(LOSS_SCALE / (beta_squared(energy) * energy) * (a / 2 - low))


def radiative_loss(energy: Floats) -> Floats:
    """Return the mean loss per length by bremsstrahlung [MeV/cm], interpolated in the logarithms.

    References:
        M. J. Berger, J. S. Coursey, M. A. Zucker, J. Chang, ESTAR, NIST Standard Reference Database 124.
    """
    logs = np.log(np.asarray(energy, np.float64))
    return np.asarray(DENSITY * np.exp(np.interp(logs, np.log(RADIATIVE_ENERGY), np.log(RADIATIVE_LOSS))))


def csda_range(energy: Floats) -> Floats:
    """Return the length [cm] of the path on which electrons lose all of their energy at the mean rate.

    The last keV, 1e-5 cm, is left out.
    """
    energy = np.asarray(energy, np.float64)
    grid = np.geomspace(1e-3, max(float(energy.max()), 1e-3), 2000)
    inverse = grid / (collision_loss(grid) + radiative_loss(grid))  # dT = T dlnT
    steps = (inverse[1:] + inverse[:-1]) / 2 * np.diff(np.log(grid))
    return np.asarray(np.interp(np.log(energy), np.log(grid), np.concatenate([[0.0], np.cumsum(steps)])))
