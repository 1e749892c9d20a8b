"""Tables for the tracking of particles in argon: rates and losses on a grid of energies.

Everything comes from the formulas of `app.physics.argon`; compiled code interpolates linearly in the logarithm of the
energy. Energies in MeV, lengths in cm.
"""

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.argon import electrons, photons, scattering
from app.physics.argon.medium import ELECTRON_MASS, surviving

Floats = NDArray[np.float64]

LOWEST, HIGHEST = 0.01, 150.0
"""Energies of the grid [MeV]."""
POINTS = 320
COLLISION_CUT = 0.03
"""Collisions that transfer less are a continuous loss, the others make a delta electron [MeV]."""
RADIATION_CUT = 0.05
"""Photons below this energy are absorbed where they arise [MeV]."""
HARD_SCATTERS, HARD_SHARE = 3.0, 5.0
"""Scatters sampled one by one: at least so many per length [1/cm], and at least so many per transport length."""
STEP, STEP_OF_RANGE = 0.1, 0.12
"""Longest step [cm], and longest step as a share of the remaining range."""
NOMINAL_LOSS = 2.1
"""Charge is counted in MeV of particles that lose so much [MeV/cm]: its unit is 1 / (w-value R(2.1)) electrons."""

Recombination = Literal["modified_box", "constant"]

# Columns of the electrons' table. NumPy's integers: for each of Python's numba would compile `interpolate` anew.
LOSS, STRAGGLING, DELTA, RADIATION, SCATTER, TRANSPORT, CUT, SCREENING, LONGEST, CHARGE, CHARGE_STOPPED = np.arange(11)
# Columns of the photons' table: interactions per length, and the shares that are Compton, and Compton or pairs.
TOTAL, COMPTON, PAIR = np.arange(3)


class Tables(NamedTuple):
    """Tables (POINTS, columns); the row of an energy is (ln energy - start) * inverse_step."""

    electron: Floats
    photon: Floats
    start: float
    inverse_step: float


@cache
def build_tables(recombination: Recombination) -> Tables:
    """Return the tables, computed once."""
    energy = np.geomspace(LOWEST, HIGHEST, POINTS)
    start, step = float(np.log(LOWEST)), float(np.log(HIGHEST / LOWEST)) / (POINTS - 1)
    compton, pair = photons.compton_rate(energy), photons.pair_rate(energy)
    total = compton + pair + photons.photoelectric_rate(energy)
    photon = np.stack([total, compton / total, (compton + pair) / total], axis=1)
    return Tables(_electron_table(energy, recombination), photon, start, 1 / step)


def _electron_table(energy: Floats, recombination: Recombination) -> Floats:
    scatters = scattering.transport_rate(energy, np.ones_like(energy))
    cut = scattering.scatter_cut(energy, np.maximum(HARD_SCATTERS, HARD_SHARE * scatters))
    soft_loss, photon_rate = radiation(energy)
    reach = electrons.csda_range(energy)
    table = np.empty((len(energy), 11))
    table[:, LOSS] = electrons.collision_loss(energy, COLLISION_CUT) + soft_loss
    # Of collisions below the cut: the integral of W^2 dn/dW, dn/dW = (2 pi r_e^2 m n / beta^2) / W^2.
    table[:, STRAGGLING] = electrons.LOSS_SCALE / electrons.beta_squared(energy) * np.minimum(COLLISION_CUT, energy / 2)
    table[:, DELTA] = electrons.delta_rate(energy, COLLISION_CUT)
    table[:, RADIATION] = photon_rate
    table[:, SCATTER] = scattering.scatter_rate(energy, cut)
    table[:, TRANSPORT] = scattering.transport_rate(energy, cut)
    table[:, CUT], table[:, SCREENING] = cut, scattering.screening(energy)
    table[:, LONGEST] = np.minimum(STEP, STEP_OF_RANGE * reach)
    if recombination == "constant":
        table[:, CHARGE], table[:, CHARGE_STOPPED] = 1.0, 1.0
    else:
        nominal = surviving(np.array(NOMINAL_LOSS))
        table[:, CHARGE] = surviving(electrons.collision_loss(energy)) / nominal
        table[:, CHARGE_STOPPED] = surviving(energy / reach) / nominal
    return table


def radiation(energy: Floats) -> tuple[Floats, Floats]:
    """Return the loss by photons below the cut [MeV/cm], and the rate of photons above it [1/cm], at energies [MeV].

    The spectrum has Tsai's shape and is scaled to the known mean loss of each energy.
    """
    total = energy + ELECTRON_MASS
    nodes, weights = np.polynomial.legendre.leggauss(48)
    share, weights = (nodes[:, None] + 1) / 2, weights[:, None] / 2
    cut = np.minimum(RADIATION_CUT, energy)
    shape = scattering.bremsstrahlung_shape
    loss = (weights * shape(share * energy / total, total)).sum(axis=0) * energy
    soft = (weights * shape(share * cut / total, total)).sum(axis=0) * cut
    hard = (weights * shape(cut / total * (energy / cut) ** share, total)).sum(axis=0) * np.log(energy / cut)
    scale = electrons.radiative_loss(energy) / loss
    return scale * soft, scale * hard
