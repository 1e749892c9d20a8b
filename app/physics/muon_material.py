"""Muons in matter: energy loss in a calorimeter, and multiple scattering."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MUON_MASS = 0.1056583755
"""Mass of the muon [GeV]."""
REFERENCE = 10.0
"""Momentum for which the loss in a calorimeter is given [GeV]."""
RISE = 0.07
"""Relative growth of the ionisation loss per unit of log p."""
RADIATIVE = 1.0 / 400.0
"""Radiative loss per GeV, divided by the reference loss; the critical energy of muons in iron is about 350 GeV."""
HARD = 0.1
"""Share of the muons that radiate."""
LOSS_PER_LENGTH = 0.05
"""Mean ionisation loss of a muon per radiation length of light material, aluminium [GeV]."""


def mean_loss(p: Floats, reference: float) -> tuple[Floats, Floats]:
    """Return the mean loss by ionisation and by radiation [GeV] of muons that cross a calorimeter.

    `ionisation = L (1 + 0.07 ln(p / 10 GeV) - 10 / 400)`, `radiation = L p / (400 GeV)`: the relativistic rise and
    the loss in proportion to the energy. It approximates a(E) + b(E) E from about 3 to 1,000 GeV.

    Args:
        p: momentum before [GeV], (N,).
        reference: L, the whole loss at 10 GeV [GeV].

    References:
        D. E. Groom, N. V. Mokhov, S. I. Striganov, Muon stopping power and range tables,
        doi:10.1006/adnd.2001.0861.
    """
    ionisation = reference * (1.0 + RISE * np.log(p / REFERENCE) - RADIATIVE * REFERENCE)
    return np.maximum(ionisation, 0.0), reference * RADIATIVE * p


def fluctuated(ionisation: Floats, radiation: Floats, spread: float, random: tuple[Floats, Floats, Floats]) -> Floats:
    """Return losses [GeV] around their means, with tails to large losses.

    Ionisation is `mean (1 - s + s X)`, X exponential with mean 1: standard deviation s, never less than 1 - s.
    Radiation happens to one muon in ten and is then exponential with ten times its mean.

    Args:
        ionisation: mean loss [GeV], (N,).
        radiation: mean loss [GeV], (N,).
        spread: s, relative standard deviation of the ionisation loss.
        random: two exponential numbers and one uniform number for each muon, (N,) each.
    """
    tail, hard, chance = random
    return ionisation * (1.0 - spread + spread * tail) + np.where(chance < HARD, radiation * hard / HARD, 0.0)


def after_loss(p: Floats, loss: Floats) -> Floats:
    """Return the momentum [GeV] of muons that lost energy [GeV]; 0 for those that stopped."""
    energy = np.sqrt(p * p + MUON_MASS**2) - loss
    return np.sqrt(np.maximum(energy * energy - MUON_MASS**2, 0.0)) * (energy > MUON_MASS)


def highland(thickness: Floats, p: Floats, p_end: Floats) -> Floats:
    """Return the standard deviation of the scattering angle in a plane [rad].

    `13.6 MeV / sqrt(p p') sqrt(x) (1 + 0.038 ln x)`, x in radiation lengths. For a loss that is uniform along the
    path the mean of 1/p^2 is exactly 1/(p p'). beta is taken as 1. The Gaussian has no tails of single large angles.

    Args:
        thickness: in radiation lengths, (N,).
        p: momentum before [GeV], (N,).
        p_end: momentum after it [GeV], (N,).

    References:
        S. Navas et al. (Particle Data Group), Review of Particle Physics (2024), eq. 34.16,
        doi:10.1103/PhysRevD.110.030001.
    """
    x = np.maximum(thickness, 1e-12)
    factor = np.maximum(1.0 + 0.038 * np.log(x), 0.0)
    return 0.0136 / np.sqrt(np.maximum(p * p_end, 1e-12)) * np.sqrt(x) * factor
