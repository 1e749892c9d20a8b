"""Muons from their vertices through the calorimeter: straight, with energy loss and multiple scattering."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.muon_material import after_loss, fluctuated, highland, mean_loss
from app.physics.muon_spectrometer import CALORIMETER_R, CALORIMETER_Z
from datasets.simulate.engine.random_streams import Streams

Floats = NDArray[np.float64]
Interval = tuple[float, float]
Spectrum = Literal["log_uniform", "inverse"]

DEPTH = 2500.0
"""Length of matter in which a calorimeter scatters [mm]."""


class Muons(NamedTuple):
    """N muons: row of their event, number in the event, pt [GeV], eta, phi [rad], charge, vertex (3, N) [mm].

    `streams` are the random numbers of each muon.
    """

    event: NDArray[np.int64]
    number: NDArray[np.int64]
    pt: Floats
    eta: Floats
    phi: Floats
    charge: Floats
    vertex: Floats
    streams: Streams

    @property
    def direction(self) -> Floats:
        """Unit vectors (3, N)."""
        across = 1.0 / np.cosh(self.eta)
        return np.stack([across * np.cos(self.phi), across * np.sin(self.phi), np.tanh(self.eta)])

    @property
    def momentum(self) -> Floats:
        """`pt cosh(eta)` [GeV], (N,)."""
        return self.pt * np.cosh(self.eta)


@dataclass(frozen=True)
class Source:
    """Distributions of the muons at their vertices.

    Attributes:
        pt: range of the transverse momentum [GeV].
        spectrum: flat in log(pt), or flat in 1/pt.
        eta: range, uniform.
        two_muons: share of events with two muons.
        vertex_spread: standard deviations across and along the beam [mm].
    """

    pt: Interval
    spectrum: Spectrum
    eta: Interval
    two_muons: float
    vertex_spread: tuple[float, float]

    def draw(self, events: Streams) -> Muons:
        """Return the muons of events; those of one event share its vertex and are consecutive."""
        number_of_muons = np.where(events.child(0).uniform() < self.two_muons, 2, 1)
        event = np.repeat(np.arange(len(number_of_muons)), number_of_muons)
        first = np.cumsum(number_of_muons) - number_of_muons
        number = np.arange(len(event)) - np.repeat(first, number_of_muons)
        across, along = self.vertex_spread
        beam = events.child(1)
        vertex = np.stack([across * beam.normal(), across * beam.normal(), along * beam.normal()])
        streams = events.take(event).child(number + 2)
        random = streams.child(0)
        share, (low, high) = random.uniform(), self.pt
        if self.spectrum == "inverse":
            pt = 1.0 / (1.0 / low + share * (1.0 / high - 1.0 / low))
        else:
            pt = low * np.exp(share * np.log(high / low))
        eta = random.uniform(*self.eta)
        phi, charge = random.uniform(-np.pi, np.pi), np.where(random.uniform() < 0.5, -1.0, 1.0)
        return Muons(event, number, pt, eta, phi, charge, vertex[:, event], streams)


class Entering(NamedTuple):
    """N muons where they enter the spectrometer: position [mm], direction (3, N), p [GeV], path since vertex [mm]."""

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

    def cross(self, muons: Muons) -> Entering:
        """Return the muons behind the calorimeter; the momentum of those that stopped is 0."""
        p, random = muons.momentum, muons.streams.child(1)
        draws = random.exponential(), random.exponential(), random.uniform()
        p_end = after_loss(p, fluctuated(*mean_loss(p, self.loss), self.spread, draws))
        path = path_to_surface(muons.vertex, muons.direction)
        angle = highland(np.full_like(p, self.thickness), p, np.maximum(p_end, 1e-3))
        position, direction = scatter(muons.vertex + path * muons.direction, muons.direction, angle, DEPTH, random)
        return Entering(position, direction, p_end, path)


def path_to_surface(start: Floats, direction: Floats) -> Floats:
    """Return the path from points inside to the calorimeter's outer surface, a cylinder with flat ends, (N,) [mm]."""
    a = direction[0] ** 2 + direction[1] ** 2
    b = start[0] * direction[0] + start[1] * direction[1]
    c = start[0] ** 2 + start[1] ** 2 - CALORIMETER_R**2
    side = (np.sqrt(b * b - a * c) - b) / a
    along = np.where(direction[2] == 0.0, 1e-300, direction[2])
    end = (np.copysign(CALORIMETER_Z, along) - start[2]) / along
    return np.asarray(np.minimum(side, end))


def perpendicular_axes(direction: Floats) -> tuple[Floats, Floats]:
    """Return two unit vectors (3, N) at right angles to a direction: one along phi; all three are right-handed."""
    across = np.maximum(np.hypot(direction[0], direction[1]), 1e-12)
    first = np.stack([-direction[1] / across, direction[0] / across, np.zeros_like(across)])
    return first, np.cross(direction, first, axis=0)


def scatter(position: Floats, direction: Floats, angle: Floats, depth: float, random: Streams) -> tuple[Floats, Floats]:
    """Return position and direction (3, N) after multiple scattering.

    In each of two planes angle `theta0 b` and displacement `theta0 depth (a / sqrt(12) + b / 2)`, a and b normal.

    Args:
        position: behind the matter without scattering, (3, N) [mm].
        direction: unit vectors (3, N).
        angle: theta0, (N,) [rad].
        depth: length of the matter along the path [mm].
        random: random numbers.

    References:
        S. Navas et al. (Particle Data Group), Review of Particle Physics (2024), section 34.3.
    """
    new_direction, new_position = direction, position
    for axis in perpendicular_axes(direction):
        a, b = random.normal(), random.normal()
        new_direction = new_direction + axis * (angle * b)
        new_position = new_position + axis * (angle * depth * (a / np.sqrt(12.0) + 0.5 * b))
    length = np.sqrt(new_direction[0] ** 2 + new_direction[1] ** 2 + new_direction[2] ** 2)
    return new_position, new_direction / length
