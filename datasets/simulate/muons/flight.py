"""Muons in the toroids: Runge-Kutta steps along their paths, scattering and energy loss behind each station."""

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
from datasets.simulate.muons.source import Entering, perpendicular_axes

Floats = NDArray[np.float64]

STEPS = 128
"""Runge-Kutta steps of a track: the mean position error of muons of 5 to 10 GeV is then 3 um."""
MARGIN = 1.15
"""Factor by which bent tracks may be longer than straight ones."""
LARGEST_SLOPE = 3.0
"""Tracks whose slope to their first direction exceeds this are not followed any further."""


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
        """Return the chambers of the chosen muons."""
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

    Derivatives are by the share of the step. `path` (S + 1, N) is the length from the vertex [mm].
    """

    points: Floats
    begin: Floats
    end: Floats
    path: Floats
    chambers: Chambers


@dataclass(frozen=True)
class Spectrometer:
    """The magnetic field and the matter that muons pass through.

    Attributes:
        field: B(x, y, z) [T].
        thickness: of a station in radiation lengths, for a muon at right angles.
        spread: relative standard deviation of the energy loss.
    """

    field: Field
    thickness: float
    spread: float
    steps: int = STEPS

    def propagate(self, entering: Entering, charge: Floats, streams: Streams) -> Tracks:
        """Follow muons that enter with a momentum above 0, each in a frame along its direction."""
        first, second = perpendicular_axes(entering.direction)
        frame = FieldInFrame(self.field, entering.position, np.stack([first, second, entering.direction]))
        azimuth = np.arctan2(entering.position[1], entering.position[0])
        chambers = Chambers.of(sector_of(azimuth), np.where(entering.direction[2] < 0.0, -1.0, 1.0))
        (x, y, z), (dx, dy, dz) = entering.position, entering.direction
        to_side = (END_R - np.hypot(x, y)) / np.maximum(np.hypot(dx, dy), 1e-6)
        to_end = (END_Z - np.abs(z)) / np.maximum(np.abs(dz), 1e-6)
        h = np.minimum(to_side, to_end) * (MARGIN / self.steps)
        points, begin, end = (np.empty((steps, 3, len(x))) for steps in (self.steps + 1, self.steps, self.steps))
        points[0], path = entering.position, np.tile(entering.path, (self.steps + 1, 1))
        tracks = Tracks(points, begin, end, path, chambers)
        p, state, zero = entering.momentum, (np.zeros_like(h),) * 4, np.zeros_like(h)
        for step in range(self.steps):
            begin[step] = h * np.stack(frame.fixed(state[2], state[3], zero + 1.0))
            state = rk4_step(frame, state, charge / p, h * step, h)
            lost = ~(np.abs(state[2]) + np.abs(state[3]) < LARGEST_SLOPE)
            state = (state[0], state[1], np.where(lost, np.nan, state[2]), state[3])
            end[step] = h * np.stack(frame.fixed(state[2], state[3], zero + 1.0))
            points[step + 1] = np.stack(frame.fixed(state[0], state[1], h * (step + 1), frame.origin))
            state, p = self._cross_stations(tracks, step, state, p, streams)
        step_vector = np.diff(points, axis=0)
        length = np.sqrt(step_vector[:, 0] ** 2 + step_vector[:, 1] ** 2 + step_vector[:, 2] ** 2)
        path[1:] += np.cumsum(length, axis=0)
        return tracks

    def _cross_stations(
        self, tracks: Tracks, step: int, state: State, p: Floats, streams: Streams
    ) -> tuple[State, Floats]:
        """Scatter the muons that left a station in this step, and let them lose energy."""
        if not self.thickness:
            return state, p
        local = [tracks.chambers.local(tracks.points[step : step + 2], barrel) for barrel in (False, True)]
        for number, (station, behind, low, high) in enumerate(station_matter()):
            normal, eta, _ = local[station.barrel]
            within = (np.abs(eta[1]) >= low) & (np.abs(eta[1]) < high)
            rows = np.flatnonzero((normal[0] < behind) & (normal[1] >= behind) & within)
            if len(rows):
                flight = tracks.end[step][:, rows]
                across = np.abs(tracks.chambers.take(rows).local(flight, station.barrel)[0])
                thickness = self.thickness * np.sqrt(flight[0] ** 2 + flight[1] ** 2 + flight[2] ** 2) / across
                state, p = self._cross_matter(state, p, rows, thickness, streams.take(rows).child(number))
        return state, p

    def _cross_matter(
        self, state: State, p: Floats, rows: NDArray[np.intp], thickness: Floats, random: Streams
    ) -> tuple[State, Floats]:
        """Scatter the muons `rows` in matter of a thickness [radiation lengths], and let them lose energy."""
        loss = LOSS_PER_LENGTH * thickness
        draws = random.exponential(), random.exponential(), random.uniform()
        p_end = np.maximum(after_loss(p[rows], fluctuated(loss, 0.0 * loss, self.spread, draws)), 0.1)
        angle = highland(thickness, p[rows], p_end)
        tx, ty = kick_slopes(state[2][rows], state[3][rows], angle * random.normal(), angle * random.normal())
        changed = [values.copy() for values in (state[2], state[3], p)]
        for whole, part in zip(changed, (tx, ty, p_end), strict=True):
            whole[rows] = part
        return (state[0], state[1], changed[0], changed[1]), changed[2]


def kick_slopes(tx: Floats, ty: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return slopes after a rotation by the small angles a and b [rad] in two planes that contain the direction."""
    n, across = np.sqrt(1.0 + tx * tx + ty * ty), np.sqrt(1.0 + tx * tx)
    # Perpendicular to (tx, ty, 1) / n: (1, 0, -tx) / across, and the product of the two.
    x = tx / n + a / across - b * tx * ty / (n * across)
    y = ty / n + b * across / n
    z = 1.0 / n - a * tx / across - b * ty / (n * across)
    return x / z, y / z


@cache
def station_matter() -> list[tuple[Any, float, float, float]]:
    """Return each station with the distance of its last layer and the range of |eta coordinate| it covers [mm]."""
    matter = []
    for number, station in enumerate(STATIONS):
        own = [layer for layer in layers() if layer.station == number]
        edges = min(layer.low for layer in own), max(layer.high for layer in own)
        matter.append((station, max(layer.distance for layer in own), *edges))
    return matter
