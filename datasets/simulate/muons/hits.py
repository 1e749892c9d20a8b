"""Hits of muons: where tracks cross planes of channels, and what the channels measure there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.muon_spectrometer import HALF_WIDTH, MDT, OVERLAP, STATIONS, TUBE_RADIUS, Layer
from datasets.muons.columns import COVARIANCE, EDGES
from datasets.simulate.engine.random_streams import Streams
from datasets.simulate.muons.flight import Chambers, Tracks

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

NEWTON_STEPS = 4
"""Newton steps, from the middle of a step, to the zero of a cubic that is nearly straight."""
LIGHT_SPEED = 299.792458
"""Speed of light [mm/ns]."""
SIGNAL_SPEED = 200.0
"""Speed of signals along wires and strips [mm/ns]."""
DRIFT_TIME = 700.0
"""Drift time from the wall of a tube to its wire [ns]."""
PADS = 128
"""Pads in a row, by which they are numbered."""

FLOATS = (*EDGES, "time", "driftR", *COVARIANCE)
INTEGERS = (
    *("readOutSide", "channel", "layer", "stationPhi", "stationEta", "stationIndex", "technology", "truthLink"),
)


class LayerHits(NamedTuple):
    """M particles that cross one layer: as in `Crossings`, with time of flight [ns], chambers, truth, random numbers.

    `link` is the number of the muon in its event, -1 for noise.
    """

    eta: Floats
    phi: Floats
    cosine: Floats
    time: Floats
    link: NDArray[np.int64]
    chambers: Chambers
    streams: Streams


def measure_hits(layer: Layer, hits: LayerHits) -> Columns:
    """Return the branches of the hits of one layer, (M,) each."""
    readout, random = layer.readout, hits.streams
    number, value, drift = measure_coordinate(layer, hits.phi if readout.phi else hits.eta, hits.cosine, random)
    pad, low, high = channel_ends(layer, hits, value)
    side = np.where(hits.chambers.sector % 2 == 1, 1, -1)
    position = hits.eta if readout.phi else hits.phi
    signal = np.abs(np.where(side > 0, high, low) - position) / SIGNAL_SPEED
    time = hits.time + signal + drift * (DRIFT_TIME / TUBE_RADIUS) + readout.time * random.normal()
    station = STATIONS[layer.station]
    eta = hits.eta if readout.phi else value  # a tube on the border belongs to one chamber, wherever it is hit
    direction = np.where(eta < 0.0, -1, 1) if station.barrel else hits.chambers.side
    chamber = (np.abs(eta) // station.chamber + 1.0) * direction
    normal = np.full_like(value, layer.distance)
    edges: Columns = {}
    for name, end in (("High", high), ("Low", low)):
        coordinates = (end, value) if readout.phi else (value, end)
        place = hits.chambers.fixed(normal, *coordinates, station.barrel)
        edges |= {f"globEdge{name}{axis}": part for axis, part in zip("XYZ", place, strict=True)}
    return edges | {
        "time": time,
        "driftR": drift,
        "readOutSide": side,
        "covXX": np.full_like(time, readout.sigma**2),
        "covXY": np.zeros_like(time),
        "covYX": np.zeros_like(time),
        "covYY": (high - low) ** 2 / 12.0,
        "channel": (number - first_channel(layer)) * (PADS if readout.segment else 1) + pad + 1,
        "layer": np.full(len(time), layer.number),
        "stationPhi": hits.chambers.sector,
        "stationEta": chamber,
        "stationIndex": np.full(len(time), layer.station),
        "technology": np.full(len(time), readout.technology),
        "truthLink": hits.link,
    }


def measure_coordinate(layer: Layer, true: Floats, cosine: Floats, random: Streams) -> tuple[Floats, Floats, Floats]:
    """Return the channel's number on its grid, the measured coordinate [mm], and the drift radius [mm]."""
    readout = layer.readout
    error = readout.resolution * random.normal()
    if readout.technology != MDT:
        true = true + error
    number = np.floor((true - layer.shift) / readout.pitch)
    center = (number + 0.5) * readout.pitch + layer.shift
    if readout.technology == MDT:
        # The distance to the wire at right angles to the track, not the one in the plane of the wires.
        return number, center, np.minimum(np.abs(np.abs(true - center) * cosine + error), TUBE_RADIUS)
    return number, true if readout.resolution else center, np.zeros_like(true)


def first_channel(layer: Layer) -> float:
    """Return the smallest channel number on the grid of a layer."""
    high, barrel = layer.high, STATIONS[layer.station].barrel
    smallest = -high if barrel else layer.low
    if layer.readout.phi:
        smallest = -float(phi_reach(layer, np.array([high]))[0])
    return float(np.floor((smallest - layer.shift) / layer.readout.pitch)) - 1.0


def channel_ends(layer: Layer, hits: LayerHits, value: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the pad's number in its row, and the ends of the channel in the other coordinate [mm]."""
    readout, no_pad = layer.readout, np.zeros_like(value)
    if readout.segment:
        number = np.floor(hits.phi / readout.segment)
        return number + PADS // 2, number * readout.segment, (number + 1.0) * readout.segment
    if not readout.phi:
        width = phi_reach(layer, np.abs(value))
        return no_pad, -width, width
    length, sign = STATIONS[layer.station].chamber, np.where(hits.eta < 0.0, -1.0, 1.0)
    near = np.abs(hits.eta) // length * length
    inner, outer = sign * np.maximum(near, layer.low), sign * np.minimum(near + length, layer.high)
    return no_pad, np.minimum(inner, outer), np.maximum(inner, outer)


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


class ChamberTracks:
    """Tracks in the coordinates of the chambers that they meet: (points, begin, end) for barrel and end-cap."""

    def __init__(self, tracks: Tracks) -> None:
        self.chambers, self.path = tracks.chambers, tracks.path
        vectors = tracks.points, tracks.begin, tracks.end
        self.parts = [[tracks.chambers.local(vector, barrel) for vector in vectors] for barrel in (False, True)]

    def cross(self, layer: Layer) -> Crossings:
        """Return where the tracks cross a layer within its chambers.

        Between two points of the Runge-Kutta method a track is the cubic with the right derivatives at both (Hermite).
        """
        points, begin, end = self.parts[STATIONS[layer.station].barrel]
        before = np.count_nonzero(points[0] < layer.distance, axis=0)  # number of points before the plane
        row = np.flatnonzero((before > 0) & (before < len(points[0])))
        step = before[row] - 1
        normal, eta, phi = (
            _Cubic(value[step, row], value[step + 1, row], first[step, row], last[step, row])
            for value, first, last in zip(points, begin, end, strict=True)
        )
        share = normal.solve(layer.distance)
        across, along = normal.slope(share), eta.slope(share)
        cosine = np.abs(across) / np.sqrt(across * across + along * along)
        path = (1.0 - share) * self.path[step, row] + share * self.path[step + 1, row]
        crossings = Crossings(row, eta(share), phi(share), cosine, path)
        return crossings.take(is_in_chamber(layer, crossings.eta, crossings.phi))


class _Cubic:
    """Values of a coordinate on the way from one point (share 0) to the next (share 1)."""

    def __init__(self, start: Floats, stop: Floats, first: Floats, last: Floats) -> None:
        change = stop - start
        self.a, self.b = start, first
        self.c, self.d = 3.0 * change - 2.0 * first - last, first + last - 2.0 * change

    def __call__(self, share: Floats) -> Floats:
        return self.a + share * (self.b + share * (self.c + share * self.d))

    def slope(self, share: Floats) -> Floats:
        return self.b + share * (2.0 * self.c + share * 3.0 * self.d)

    def solve(self, value: float) -> Floats:
        """Return the share in 0 to 1 at which the coordinate has this value, by Newton's method."""
        share = np.full_like(self.a, 0.5)
        for _ in range(NEWTON_STEPS):
            share = np.clip(share - (self(share) - value) / self.slope(share), 0.0, 1.0)
        return share


def phi_reach(layer: Layer, eta: Floats) -> Floats:
    """Return the largest |phi coordinate| of a chamber at an eta coordinate [mm]."""
    distance = layer.distance if STATIONS[layer.station].barrel else eta
    return np.zeros_like(eta) + (HALF_WIDTH * distance + OVERLAP)


def is_in_chamber(layer: Layer, eta: Floats, phi: Floats) -> NDArray[np.bool_]:
    """Return which points lie in a chamber; points that are not numbers lie in none."""
    inside = (np.abs(eta) >= layer.low) & (np.abs(eta) < layer.high)
    return np.asarray(inside & (np.abs(phi) <= phi_reach(layer, np.abs(eta))))
