"""Sources of particles as cumulative spectra: supernova neutrinos on electrons and argon, radioactive decays.

Energies in MeV.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.physics.argon.medium import ELECTRON_MASS
from app.physics.argon.neutrinos import (
    FERMI,
    GAMOW_TELLER,
    POTASSIUM,
    Q_VALUE,
    charged_current_weight,
    elastic_cross_section,
    electron_space,
    pinched_flux,
)

Floats = NDArray[np.float64]
Interval = tuple[float, float]

GRID: Floats = np.linspace(0.05, 250, 10_000)
"""Neutrino energies of the spectra."""
HIGHEST = 120.0
"""Largest kinetic energy of an electron that is simulated."""
ARGON_39 = 0.565
"""End point of the beta decay of argon-39."""
GAMMA_LINES = (1.461, 2.615, 4.745)
"""Single gammas of the background: potassium-40, thallium-208, the strongest line after neutron capture on argon-40."""


class Neutrinos(NamedTuple):
    """Cumulative spectra on `grid`; electrons have kinetic energies from `low` to `high`.

    Attributes:
        grid: neutrino energies.
        elastic: (G,) of scatters on electrons.
        levels: (L,) cumulative share of the levels of 40K.
        excitation: (L,) of the levels.
        asymmetry: (L,) of the electron's angle, 1 + a beta cos theta: 1 for Fermi, -1/3 for Gamow-Teller transitions.
        charged: (L, G) of charged currents to each level.
        low: smallest kinetic energy.
        high: largest kinetic energy.
    """

    grid: Floats
    elastic: Floats
    levels: Floats
    excitation: Floats
    asymmetry: Floats
    charged: Floats
    low: float
    high: float


class Decays(NamedTuple):
    """Beta spectrum of argon-39 (kinetic energies, cumulative shares); share of single gammas and their energies."""

    energy: Floats
    cumulative: Floats
    gammas: float
    lines: Floats


def build_neutrinos(mean: float, alpha: float, electron: Interval) -> Neutrinos:
    """Return the spectra of a pinched flux folded with the cross sections.

    Args:
        mean: mean neutrino energy.
        alpha: pinching of the flux.
        electron: range of the electron's kinetic energy.

    Raises:
        UserError: the range is empty for this flux, or above the simulated energies.
    """
    low, high = electron
    if high > HIGHEST:
        raise UserError(
            Problem("electrons are not simulated so high", ("energy",), expected=f"<= {HIGHEST:g} MeV", received=high)
        )
    flux = pinched_flux(GRID, mean, alpha)
    elastic = flux * np.maximum(elastic_cross_section(GRID, low) - elastic_cross_section(GRID, high), 0)
    levels = np.concatenate([FERMI, GAMOW_TELLER])
    kinetic = GRID - Q_VALUE - levels[:, :1]
    weight = np.stack([charged_current_weight(GRID, *level) for level in levels])
    charged = flux * np.where((kinetic >= low) & (kinetic <= high), weight, 0.0)
    share = charged.sum(axis=1)
    if not elastic.any() or not share.all():
        expected = "a range that this flux reaches"
        raise UserError(Problem("no electrons have such energies", ("energy",), expected=expected, received=electron))
    asymmetry = np.where(np.arange(len(levels)) < len(FERMI), 1.0, -1 / 3)
    spectra = (_cumulative(elastic), _cumulative(share), levels[:, 0].copy(), asymmetry, _cumulative(charged))
    return Neutrinos(GRID, *spectra, low, high)


def build_decays(gammas: float) -> Decays:
    """Return the spectra of the radioactive background, with a share of single gammas.

    The shape of argon-39's spectrum is that of its transition, first forbidden and unique: p E F q^2 (p^2 + q^2), with
    the neutrino's momentum q.
    """
    energy = np.linspace(1e-3, ARGON_39 - 1e-6, 500)
    p2, q2 = energy * (energy + 2 * ELECTRON_MASS), (ARGON_39 - energy) ** 2
    spectrum = electron_space(energy, POTASSIUM) * q2 * (p2 + q2)
    return Decays(energy, _cumulative(spectrum), gammas, np.array(GAMMA_LINES))


def _cumulative(weight: Floats) -> Floats:
    total = np.cumsum(weight, axis=-1)
    return np.asarray(total / total[..., -1:])
