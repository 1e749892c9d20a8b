"""Liquid argon as a medium: its constants, the recombination of charge, and diffusion.

Energies in MeV, lengths in cm.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ELECTRON_MASS = 0.51099895
"""Mass of the electron [MeV]."""
ELECTRON_RADIUS = 2.8179403e-13
"""Classical radius of the electron [cm]."""
FINE_STRUCTURE = 1 / 137.035999
AVOGADRO = 6.02214076e23

Z = 18
"""Protons of argon."""
A = 39.948
"""Molar mass of argon [g/mol]."""
DENSITY = 1.396
"""Density of the liquid at its boiling point [g/cm3]."""
ATOMS = AVOGADRO * DENSITY / A
"""Number density of the atoms [1/cm3]."""
ELECTRONS = ATOMS * Z
"""Number density of the electrons [1/cm3]."""

FIELD = 0.5
"""Electric drift field [kV/cm]."""
BOX_A, BOX_B = 0.93, 0.212
"""Parameters A and B [kV/cm g/cm2 / MeV] of the modified Box model."""


def surviving(dedx: Floats) -> Floats:
    """Return the share of charge that does not recombine, by the modified Box model.

    R = ln(A + b dE/dx) / (b dE/dx), b = B / (density field): about 0.70 for minimum-ionising particles, less where
    ionisation is dense. It was fitted to stopping protons and muons. The logarithm fails below about 0.3 MeV/cm, which
    no electron reaches. The angle between track and field is not taken into account.

    Args:
        dedx: energy loss per length [MeV/cm].

    References:
        R. Acciarri et al. (ArgoNeuT), A study of electron recombination using highly ionizing particles in the
        ArgoNeuT liquid argon TPC, arXiv:1306.1712.
    """
    dense = BOX_B / (DENSITY * FIELD) * np.asarray(dedx, np.float64)
    return np.asarray(np.log(BOX_A + dense) / dense)
