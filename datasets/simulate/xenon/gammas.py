"""Gammas from the target to the calorimeter: their vertices, flight, first interactions and showers."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.xenon_calorimeter import EDGES, PHI_END, R_INNER, inside, side_z, to_uvw

Floats = NDArray[np.float64]

LIGHT_SPEED = 2.99792458e10
"""c [cm/s]."""
RADIATION_LENGTH = 2.87
"""Radiation length of liquid xenon [cm]."""
CRITICAL_ENERGY = 11.8e-3
"""Critical energy of xenon [GeV]: what an electron loses by ionisation in a radiation length."""
LATERAL = 1.3
"""Standard deviation of a shower's light sources from its axis [cm], a quarter of the Moliere radius."""
SPOT_EDGE = 3.0
"""Half-width of the beam spot in standard deviations: muons stop within it."""
BATCH = 4096


class Gammas(NamedTuple):
    """N gammas: energy [GeV], time of the first interaction [s], direction (N, 3), first interaction (N, 3) [cm]."""

    energy: Floats
    time: Floats
    direction: Floats
    point: Floats


class Showers(NamedTuple):
    """Light sources of N gammas: position (N, S, 3) [cm], photons (N, S), time (N, S) [s]."""

    position: Floats
    photons: Floats
    time: Floats


@dataclass(frozen=True)
class Target:
    """Muons stop in a thin foil through the origin, at an angle to the beam, where the beam's round spot meets it.

    Attributes:
        spread: standard deviation of the beam in x and y [cm].
        angle: between foil and beam axis, in the x-z plane [degrees].
    """

    spread: float
    angle: float

    def draw_vertices(self, random: np.random.Generator, count: int) -> Floats:
        """Return vertices (N, 3) [cm]: z = x / tan(angle) on the foil."""
        x, y = self.spread * random.normal(size=(2, count)).clip(-SPOT_EDGE, SPOT_EDGE)
        return np.stack([x, y, x / float(np.tan(np.radians(self.angle)))], axis=-1)

    def extent(self) -> tuple[float, float]:
        """Return the largest |y| (and |x|) and |z| of a vertex [cm]."""
        across = SPOT_EDGE * self.spread
        return across, across / float(np.tan(np.radians(self.angle)))


@dataclass(frozen=True)
class Flight:
    """Isotropic emission of gammas, of which those are kept that interact in the chosen volume.

    Attributes:
        target: the target in which they start.
        attenuation_length: mean path in xenon before the first interaction [cm].
        fiducial: whether to keep the fiducial volume in |u| and |v| alone, or the whole xenon.
    """

    target: Target
    attenuation_length: float
    fiducial: bool = True

    def draw(self, random: np.random.Generator, count: int) -> tuple[Floats, Floats, int]:
        """Return directions and first interactions (N, 3) [cm] of `count` gammas, and how many were tried."""
        parts, accepted, tried = [], 0, 0
        while accepted < count:
            direction, point = self.emit(random)
            good = np.flatnonzero(self.accepts(point))[: count - accepted]
            tried += int(good[-1]) + 1 if accepted + len(good) == count and len(good) else BATCH
            parts.append(np.stack([direction[good], point[good]]))
            accepted += len(good)
        return *np.concatenate([np.empty((2, 0, 3)), *parts], axis=1), tried

    def accepts(self, point: Floats) -> NDArray[np.bool_]:
        """Return whether a first interaction lies in the volume."""
        good = inside(point)
        if self.fiducial:
            u, v, _ = to_uvw(point).T
            good &= (np.abs(u) < EDGES.u) & (np.abs(v) < EDGES.v)
        return good

    def emit(self, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Return directions and first interactions of gammas that fly towards a window around the volume."""
        cosine, azimuth = self.window()
        z, phi = random.uniform(-cosine, cosine, BATCH), random.uniform(-azimuth, azimuth, BATCH)
        across = np.sqrt(1.0 - z * z)
        direction = np.stack([-across * np.cos(phi), across * np.sin(phi), z], axis=-1)
        start = self.target.draw_vertices(random, BATCH)
        path = path_to_cylinder(start, direction) + random.exponential(self.attenuation_length, BATCH)
        return direction, start + path[:, None] * direction

    def window(self) -> tuple[float, float]:
        """Return the largest |cos theta| and |phi| [rad] of gammas that may enter through the inner face."""
        across, along = self.target.extent()
        half = EDGES.u if self.fiducial else float(side_z(np.array(R_INNER)))
        near = R_INNER - across
        azimuth = PHI_END + float(np.arcsin(across / R_INNER))
        return float((half + along) / np.hypot(half + along, near)), azimuth


def path_to_cylinder(start: Floats, direction: Floats) -> Floats:
    """Return the path from points inside the inner face's cylinder to it, (N,) [cm]."""
    a = (direction[:, :2] ** 2).sum(axis=1)
    b = (start[:, :2] * direction[:, :2]).sum(axis=1)
    c = (start[:, :2] ** 2).sum(axis=1) - R_INNER**2
    return np.asarray((np.sqrt(b * b - a * c) - b) / a, np.float64)


def emission_angles(direction: Floats) -> Floats:
    """Return (N, 2) theta and phi [degrees] with direction = (-sin t cos p, sin t sin p, cos t): phi = 0 is -x."""
    x, y, z = direction.T
    return np.asarray(np.degrees(np.stack([np.arccos(np.clip(z, -1.0, 1.0)), np.arctan2(y, -x)], axis=-1)))


def draw_showers(
    random: np.random.Generator, gammas: Gammas, sources: int, w_value: float, light_spread: float
) -> Showers:
    """Return the light sources of each gamma.

    Points along the direction get random shares of the energy: their distance from the first interaction follows a
    gamma distribution of shape 2 and mean X0 ln(1 + E / Ec), which is the range of the electrons for E below the
    critical energy Ec and grows with the logarithm as a cascade does above; across it they are normally distributed.
    Points outside of the xenon give no light: their energy has leaked out.

    Args:
        random: random numbers.
        gammas: the gammas.
        sources: light sources of each.
        w_value: energy per photon [eV].
        light_spread: relative standard deviation of the light from one gamma to the next at equal energy.
    """
    count = len(gammas.energy)
    share = random.exponential(size=(count, sources))
    share = share / share.sum(axis=1, keepdims=True)
    mean = RADIATION_LENGTH * np.log1p(gammas.energy / CRITICAL_ENERGY)[:, None]
    depth = mean * random.gamma(2.0, 0.5, (count, sources))
    across = random.normal(scale=LATERAL, size=(count, sources, 3))
    across -= (across * gammas.direction[:, None]).sum(axis=2, keepdims=True) * gammas.direction[:, None]
    position = gammas.point[:, None] + depth[..., None] * gammas.direction[:, None] + across
    light = gammas.energy * 1e9 / w_value * np.maximum(1.0 + light_spread * random.normal(size=count), 0.0)
    return Showers(
        position,
        np.where(inside(position), light[:, None] * share, 0.0),
        gammas.time[:, None] + depth / LIGHT_SPEED,
    )
