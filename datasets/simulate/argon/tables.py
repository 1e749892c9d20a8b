"""What the tracking of particles in argon looks up: rates and losses on a grid of energies.

Everything comes from the formulas of `app.physics.argon`; compiled code interpolates linearly in the logarithm of the
energy. Energies in MeV, lengths in cm.
"""

from __future__ import annotations

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
"""Collisions that transfer less are a continuous loss, others make a delta electron [MeV]."""
RADIATION_CUT = 0.05
"""Photons below are absorbed where they arise [MeV]."""
HARD_SCATTERS, HARD_SHARE = 3.0, 5.0
"""Scatters that are sampled one by one: so many per length [1/cm], at least, and in a transport length."""
STEP, STEP_OF_RANGE = 0.1, 0.12
"""Longest step [cm]; and as a share of the range that is left."""
NOMINAL_LOSS = 2.1
"""Charge is counted in MeV of particles that lose so much [MeV/cm]: its unit is 1 / (w-value R(2.1)) electrons."""

Recombination = Literal["modified_box", "constant"]

# Columns of the electrons' table.
LOSS, STRAGGLING, DELTA, RADIATION, SCATTER, TRANSPORT, CUT, SCREENING, LONGEST, CHARGE, CHARGE_STOPPED = range(11)
# Columns of the photons' table: interactions per length, and which share of them is Compton, Compton or pair.
TOTAL, COMPTON, PAIR = range(3)


class Tables(NamedTuple):
    """Tables (POINTS, columns), and where an energy lies in them: (ln energy - start) * inverse_step."""

    electron: Floats
    photon: Floats
    start: float
    inverse_step: float


@cache
def tables(recombination: Recombination) -> Tables:
    """Return the tables, made once."""
    energy = np.geomspace(LOWEST, HIGHEST, POINTS)
    start, step = float(np.log(LOWEST)), float(np.log(HIGHEST / LOWEST)) / (POINTS - 1)
    return Tables(_electron(energy, recombination), _photon(energy), start, 1 / step)


def _electron(energy: Floats, recombination: Recombination) -> Floats:
    a, cut = scattering.screening(energy), _scatter_cut(energy)
    soft, rate = _radiation(energy)
    table = np.empty((len(energy), 11))
    table[:, LOSS] = electrons.collision_loss(energy, COLLISION_CUT) + soft
    # Of collisions below the cut: the integral of W^2 dn/dW, dn/dW = (2 pi r_e^2 m n / beta^2) / W^2.
    table[:, STRAGGLING] = electrons.LOSS_SCALE / electrons.beta_squared(energy) * np.minimum(COLLISION_CUT, energy / 2)
    table[:, DELTA] = electrons.delta_rate(energy, COLLISION_CUT)
    table[:, RADIATION] = rate
    table[:, SCATTER] = scattering.scatter_rate(energy, cut)
    table[:, TRANSPORT] = scattering.transport_rate(energy, cut)
    table[:, CUT], table[:, SCREENING] = cut, a
    reach = electrons.csda_range(energy)
    table[:, LONGEST] = np.minimum(STEP, STEP_OF_RANGE * reach)
    table[:, CHARGE] = _charge(electrons.collision_loss(energy), recombination)
    table[:, CHARGE_STOPPED] = _charge(energy / reach, recombination)
    return table


def _scatter_cut(energy: Floats) -> Floats:
    every = scattering.transport_rate(energy, np.ones_like(energy))
    return scattering.scatter_cut(energy, np.maximum(HARD_SCATTERS, HARD_SHARE * every))


def _charge(dedx: Floats, recombination: Recombination) -> Floats:
    if recombination == "constant":
        return np.ones_like(dedx)
    return surviving(dedx) / surviving(np.array(NOMINAL_LOSS))


def _radiation(energy: Floats) -> tuple[Floats, Floats]:
    """Return the loss by photons below the cut [MeV/cm], and the photons above it per length [1/cm].

    The spectrum has Tsai's shape and is scaled to the known mean loss of each energy.
    """
    total = energy + ELECTRON_MASS
    nodes, weights = np.polynomial.legendre.leggauss(48)
    share, weights = (nodes[:, None] + 1) / 2, weights[:, None] / 2
    cut = np.minimum(RADIATION_CUT, energy)
    shape = scattering.bremsstrahlung_shape
    every = (weights * shape(share * energy / total, total)).sum(axis=0) * energy
    soft = (weights * shape(share * cut / total, total)).sum(axis=0) * cut
    hard = (weights * shape(cut / total * (energy / cut) ** share, total)).sum(axis=0) * np.log(energy / cut)
    scale = electrons.radiative_loss(energy) / every
    return scale * soft, scale * hard


def _photon(energy: Floats) -> Floats:
    compton, pair = photons.compton_rate(energy), photons.pair_rate(energy)
    total = compton + pair + photons.photoelectric_rate(energy)
    return np.stack([total, compton / total, (compton + pair) / total], axis=1)
