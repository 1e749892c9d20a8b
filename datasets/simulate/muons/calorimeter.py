"""The way of muons from the vertex through the calorimeter: straight, with energy loss and scattering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.muon_material import after_loss, fluctuated, highland, mean_loss
from app.physics.muon_spectrometer import CALORIMETER_R, CALORIMETER_Z
from datasets.simulate.engine.random_streams import Streams
from datasets.simulate.muons.source import Muons

Floats = NDArray[np.float64]

DEPTH = 2500.0
"""Path over which a calorimeter scatters [mm]."""


class Entering(NamedTuple):
    """N muons as they enter the spectrometer: position and direction (3, N) [mm], p [GeV], path so far [mm]."""

    position: Floats
    direction: Floats
    momentum: Floats
    path: Floats


@dataclass(frozen=True)
class Calorimeter:
    """Matter before the spectrometer, the same in all directions.

    Attributes:
        loss: mean energy loss of a muon of 10 GeV [GeV].
        spread: relative standard deviation of the ionisation loss.
        thickness: in radiation lengths.
    """

    loss: float
    spread: float
    thickness: float

    def crossed(self, muons: Muons) -> Entering:
        """Return the muons behind it; the momentum is 0 where one stopped."""
        p, random = muons.momentum, muons.streams.child(1)
        draws = random.exponential(), random.exponential(), random.uniform()
        p_end = after_loss(p, fluctuated(*mean_loss(p, self.loss), self.spread, draws))
        path = to_surface(muons.vertex, muons.direction)
        angle = highland(np.full_like(p, self.thickness), p, np.maximum(p_end, 1e-3))
        position, direction = scattered(muons.vertex + path * muons.direction, muons.direction, angle, DEPTH, random)
        return Entering(position, direction, p_end, path)


def to_surface(start: Floats, direction: Floats) -> Floats:
    """Return the path from points inside to the calorimeter's outer surface, a cylinder with flat ends, (N,) [mm]."""
    a = direction[0] ** 2 + direction[1] ** 2
    b = start[0] * direction[0] + start[1] * direction[1]
    c = start[0] ** 2 + start[1] ** 2 - CALORIMETER_R**2
    side = (np.sqrt(b * b - a * c) - b) / a
    along = np.where(direction[2] == 0.0, 1e-300, direction[2])
    end = (np.copysign(CALORIMETER_Z, along) - start[2]) / along
    return np.asarray(np.minimum(side, end))


def perpendicular(direction: Floats) -> tuple[Floats, Floats]:
    """Return two unit vectors (3, N): along phi, and so that they and the direction are right-handed."""
    across = np.maximum(np.hypot(direction[0], direction[1]), 1e-12)
    first = np.stack([-direction[1] / across, direction[0] / across, np.zeros_like(across)])
    return first, np.cross(direction, first, axis=0)


def scattered(
    position: Floats, direction: Floats, angle: Floats, depth: float, random: Streams
) -> tuple[Floats, Floats]:
    """Return position and direction (3, N) after multiple scattering.

    In each of two planes angle `theta0 b` and displacement `theta0 depth (a / sqrt(12) + b / 2)`, a and b normal.

    Args:
        position: behind the matter without scattering, (3, N) [mm].
        direction: unit vectors (3, N).
        angle: theta0, (N,) [rad].
        depth: of the matter along the way [mm].
        random: random numbers.

    References:
        S. Navas et al. (Particle Data Group), Review of Particle Physics (2024), section 34.3.
    """
    turned, moved = direction, position
    for axis in perpendicular(direction):
        a, b = random.normal(), random.normal()
        turned = turned + axis * (angle * b)
        moved = moved + axis * (angle * depth * (a / np.sqrt(12.0) + 0.5 * b))
    length = np.sqrt(turned[0] ** 2 + turned[1] ** 2 + turned[2] ** 2)
    return moved, turned / length
