"""Muons in the toroids: Runge-Kutta steps along the way they fly, scattering and loss behind each station."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.field_in_frame import FieldInFrame
from app.physics.lorentz import State
from app.physics.magnetic_field import Field
from app.physics.muon_material import LOSS_PER_LENGTH, after_loss, fluctuated, highland
from app.physics.muon_spectrometer import END_R, END_Z, STATIONS, along_sector, azimuth_of, layers, sector_of
from app.physics.runge_kutta import rk4_step
from datasets.simulate.engine.random_streams import Streams
from datasets.simulate.muons.calorimeter import Entering, perpendicular

Floats = NDArray[np.float64]

STEPS = 128
"""Positions of muons of 5 to 10 GeV are then good to 3 um on average."""
MARGIN = 1.15
"""Bent tracks are longer than straight ones."""
LARGEST_SLOPE = 3.0
"""Tracks that are bent further from their first direction are followed no more."""


class Chambers(NamedTuple):
    """The chambers that N muons meet: cosine and sine of their sector's middle, number of the sector, side in z."""

    cosine: Floats
    sine: Floats
    sector: NDArray[np.int64]
    side: Floats

    @classmethod
    def of(cls, sector: NDArray[np.int64], side: Floats) -> Chambers:
        """Return the chambers of sectors 1 to 16 on the sides -1 or 1."""
        azimuth = azimuth_of(sector)
        return cls(np.cos(azimuth), np.sin(azimuth), sector, side)

    def take(self, rows: NDArray[np.intp]) -> Chambers:
        """Return those of some muons."""
        return Chambers(self.cosine[rows], self.sine[rows], self.sector[rows], self.side[rows])

    def local(self, vector: Floats, barrel: bool) -> tuple[Floats, Floats, Floats]:
        """Return normal, eta and phi coordinate of vectors (..., 3, N)."""
        x, y, z = vector[..., 0, :], vector[..., 1, :], vector[..., 2, :]
        outward, across = along_sector(x, y, self.cosine, self.sine)
        return (outward, z, across) if barrel else (self.side * z, outward, across)

    def fixed(self, normal: Floats, eta: Floats, phi: Floats, barrel: bool) -> tuple[Floats, Floats, Floats]:
        """Return x, y, z of chamber coordinates, the inverse of `local`."""
        outward, z = (normal, eta) if barrel else (eta, self.side * normal)
        return outward * self.cosine - phi * self.sine, outward * self.sine + phi * self.cosine, z


class Tracks(NamedTuple):
    """N muons in S steps: points (S + 1, 3, N) [mm]; for each step the derivatives at its begin and end (S, 3, N) [mm].

    Derivatives are those by the share of the step. `path` (S + 1, N) is the way from the vertex [mm].
    """

    points: Floats
    begin: Floats
    end: Floats
    path: Floats
    chambers: Chambers


@dataclass(frozen=True)
class Spectrometer:
    """What muons fly through.

    Attributes:
        field: B(x, y, z) [T].
        thickness: of a station in radiation lengths, for a muon at right angles.
        spread: relative standard deviation of the energy loss.
    """

    field: Field
    thickness: float
    spread: float
    steps: int = STEPS

    def tracks(self, entering: Entering, charge: Floats, streams: Streams) -> Tracks:
        """Follow muons that enter with a momentum above 0; each has its own frame along its direction."""
        first, second = perpendicular(entering.direction)
        frame = FieldInFrame(self.field, entering.position, np.stack([first, second, entering.direction]))
        azimuth = np.arctan2(entering.position[1], entering.position[0])
        chambers = Chambers.of(sector_of(azimuth), np.where(entering.direction[2] < 0.0, -1.0, 1.0))
        h = _length(entering) * (MARGIN / self.steps)
        tracks = _empty(self.steps, entering, chambers)
        p, state, zero = entering.momentum, (np.zeros_like(h),) * 4, np.zeros_like(h)
        for step in range(self.steps):
            tracks.begin[step] = h * np.stack(frame.fixed(state[2], state[3], zero + 1.0))
            state = rk4_step(frame, state, charge / p, h * step, h)
            lost = ~(np.abs(state[2]) + np.abs(state[3]) < LARGEST_SLOPE)
            state = (state[0], state[1], np.where(lost, np.nan, state[2]), state[3])
            tracks.end[step] = h * np.stack(frame.fixed(state[2], state[3], zero + 1.0))
            tracks.points[step + 1] = np.stack(frame.fixed(state[0], state[1], h * (step + 1), frame.origin))
            state, p = self._matter(tracks, step, state, p, streams)
        moved = np.diff(tracks.points, axis=0)
        tracks.path[1:] += np.cumsum(np.sqrt(moved[:, 0] ** 2 + moved[:, 1] ** 2 + moved[:, 2] ** 2), axis=0)
        return tracks

    def _matter(self, tracks: Tracks, step: int, state: State, p: Floats, streams: Streams) -> tuple[State, Floats]:
        """Scatter the muons that left a station in this step, and let them lose energy."""
        if not self.thickness:
            return state, p
        seen = [tracks.chambers.local(tracks.points[step : step + 2], barrel) for barrel in (False, True)]
        for number, (station, behind, low, high) in enumerate(_matter_of_stations()):
            normal, eta, _ = seen[station.barrel]
            within = (np.abs(eta[1]) >= low) & (np.abs(eta[1]) < high)
            rows = np.flatnonzero((normal[0] < behind) & (normal[1] >= behind) & within)
            if len(rows):
                flown = tracks.end[step][:, rows]
                across = np.abs(tracks.chambers.take(rows).local(flown, station.barrel)[0])
                crossed = self.thickness * np.sqrt(flown[0] ** 2 + flown[1] ** 2 + flown[2] ** 2) / across
                state, p = self._behind(state, p, rows, crossed, streams.take(rows).child(number))
        return state, p

    def _behind(
        self, state: State, p: Floats, rows: NDArray[np.intp], thickness: Floats, random: Streams
    ) -> tuple[State, Floats]:
        loss = LOSS_PER_LENGTH * thickness
        draws = random.exponential(), random.exponential(), random.uniform()
        p_end = np.maximum(after_loss(p[rows], fluctuated(loss, 0.0 * loss, self.spread, draws)), 0.1)
        angle = highland(thickness, p[rows], p_end)
        tx, ty = kicked(state[2][rows], state[3][rows], angle * random.normal(), angle * random.normal())
        changed = [values.copy() for values in (state[2], state[3], p)]
        for whole, part in zip(changed, (tx, ty, p_end), strict=True):
            whole[rows] = part
        return (state[0], state[1], changed[0], changed[1]), changed[2]


def kicked(tx: Floats, ty: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return slopes after a turn by the small angles a and b [rad] in two planes that hold the direction."""
    n, across = np.sqrt(1.0 + tx * tx + ty * ty), np.sqrt(1.0 + tx * tx)
    # Perpendicular to (tx, ty, 1) / n: (1, 0, -tx) / across, and the product of the two.
    x = tx / n + a / across - b * tx * ty / (n * across)
    y = ty / n + b * across / n
    z = 1.0 / n - a * tx / across - b * ty / (n * across)
    return x / z, y / z


@cache
def _matter_of_stations() -> list[tuple[Any, float, float, float]]:
    found = []
    for number, station in enumerate(STATIONS):
        own = [layer for layer in layers() if layer.station == number]
        edges = min(layer.low for layer in own), max(layer.high for layer in own)
        found.append((station, max(layer.distance for layer in own), *edges))
    return found


def _length(entering: Entering) -> Floats:
    """Return how far a straight muon flies to the end of the spectrometer, (N,) [mm]."""
    x, y, z = entering.position
    dx, dy, dz = entering.direction
    side = (END_R - np.hypot(x, y)) / np.maximum(np.hypot(dx, dy), 1e-6)
    end = (END_Z - np.abs(z)) / np.maximum(np.abs(dz), 1e-6)
    return np.asarray(np.minimum(side, end))


def _empty(steps: int, entering: Entering, chambers: Chambers) -> Tracks:
    count = len(entering.momentum)
    points = np.empty((steps + 1, 3, count))
    points[0] = entering.position
    path = np.tile(entering.path, (steps + 1, 1))
    return Tracks(points, np.empty((steps, 3, count)), np.empty((steps, 3, count)), path, chambers)
