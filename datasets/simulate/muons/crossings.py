"""Where tracks cross planes of channels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.muon_spectrometer import HALF_WIDTH, OVERLAP, STATIONS, Layer
from datasets.simulate.muons.flight import Tracks

Floats = NDArray[np.float64]

ITERATIONS = 4
"""Newton steps, from the straight line's guess, to the zero of a cubic that is nearly straight."""


class Crossings(NamedTuple):
    """M crossings of one plane: rows of the muons, eta and phi coordinate [mm], |cosine| between the track and the
    plane's normal in the plane of normal and eta coordinate, path from the vertex [mm]."""

    row: NDArray[np.intp]
    eta: Floats
    phi: Floats
    cosine: Floats
    path: Floats

    def take(self, rows: Any) -> Crossings:
        """Return some of the crossings."""
        return Crossings(self.row[rows], self.eta[rows], self.phi[rows], self.cosine[rows], self.path[rows])


class Seen:
    """Tracks in the coordinates of the chambers that they meet: (points, begin, end) for barrel and end-cap."""

    def __init__(self, tracks: Tracks) -> None:
        self.tracks = tracks
        vectors = tracks.points, tracks.begin, tracks.end
        self.parts = [[tracks.chambers.local(vector, barrel) for vector in vectors] for barrel in (False, True)]

    def crossings(self, layer: Layer) -> Crossings:
        """Return where the tracks cross a layer within its chambers.

        Between two points of the Runge-Kutta method a track is the cubic with the right derivatives at both (Hermite).
        """
        points, begin, end = self.parts[STATIONS[layer.station].barrel]
        before = np.count_nonzero(points[0] < layer.distance, axis=0)  # points, the last of them before the plane
        row = np.flatnonzero((before > 0) & (before < len(points[0])))
        step = before[row] - 1
        normal, eta, phi = (
            _Cubic(value[step, row], value[step + 1, row], first[step, row], last[step, row])
            for value, first, last in zip(points, begin, end, strict=True)
        )
        share = normal.where(layer.distance)
        across, along = normal.slope(share), eta.slope(share)
        cosine = np.abs(across) / np.sqrt(across * across + along * along)
        path = (1.0 - share) * self.tracks.path[step, row] + share * self.tracks.path[step + 1, row]
        found = Crossings(row, eta(share), phi(share), cosine, path)
        return found.take(covered(layer, found.eta, found.phi))


class _Cubic:
    """Values of a coordinate on the way from one point (share 0) to the next (share 1)."""

    def __init__(self, start: Floats, stop: Floats, first: Floats, last: Floats) -> None:
        moved = stop - start
        self.a, self.b = start, first
        self.c, self.d = 3.0 * moved - 2.0 * first - last, first + last - 2.0 * moved

    def __call__(self, share: Floats) -> Floats:
        return self.a + share * (self.b + share * (self.c + share * self.d))

    def slope(self, share: Floats) -> Floats:
        return self.b + share * (2.0 * self.c + share * 3.0 * self.d)

    def where(self, value: float) -> Floats:
        """Return the share in 0 to 1 at which the coordinate has a value."""
        share = np.full_like(self.a, 0.5)
        for _ in range(ITERATIONS):
            share = np.clip(share - (self(share) - value) / self.slope(share), 0.0, 1.0)
        return share


def reach(layer: Layer, eta: Floats) -> Floats:
    """Return the largest |phi coordinate| of a chamber at an eta coordinate [mm]."""
    distance = layer.distance if STATIONS[layer.station].barrel else eta
    return np.zeros_like(eta) + (HALF_WIDTH * distance + OVERLAP)


def covered(layer: Layer, eta: Floats, phi: Floats) -> NDArray[np.bool_]:
    """Return which points lie in a chamber; not a number lies nowhere."""
    inside = (np.abs(eta) >= layer.low) & (np.abs(eta) < layer.high)
    return np.asarray(inside & (np.abs(phi) <= reach(layer, np.abs(eta))))
