"""What a channel says of a crossing: its two ends, the drift radius, the time, and how good it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.muon_spectrometer import MDT, STATIONS, TUBE_RADIUS, Layer
from datasets.muons.columns import COVARIANCE, EDGES
from datasets.simulate.engine.random_streams import Streams
from datasets.simulate.muons.crossings import reach
from datasets.simulate.muons.flight import Chambers

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

LIGHT_SPEED = 299.792458
"""[mm/ns]."""
SIGNAL_SPEED = 200.0
"""Along wires and strips [mm/ns]."""
DRIFT_TIME = 700.0
"""From the wall of a tube to its wire [ns]."""
PADS = 128
"""Pads are numbered so many to a row."""

FLOATS = (*EDGES, "time", "driftR", *COVARIANCE)
INTEGERS = (
    *("readOutSide", "channel", "layer", "stationPhi", "stationEta", "stationIndex", "technology", "truthLink"),
)


class Struck(NamedTuple):
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


def measured(layer: Layer, struck: Struck) -> Columns:
    """Return the branches of the hits of one layer, (M,) each."""
    readout, random = layer.readout, struck.streams
    number, value, drift = _coordinate(layer, struck.phi if readout.phi else struck.eta, struck.cosine, random)
    pad, low, high = _ends(layer, struck, value)
    side = np.where(struck.chambers.sector % 2 == 1, 1, -1)
    position = struck.eta if readout.phi else struck.phi
    signal = np.abs(np.where(side > 0, high, low) - position) / SIGNAL_SPEED
    time = struck.time + signal + drift * (DRIFT_TIME / TUBE_RADIUS) + readout.time * random.normal()
    station = STATIONS[layer.station]
    eta = struck.eta if readout.phi else value  # a tube on the border belongs to one chamber, wherever it is hit
    direction = np.where(eta < 0.0, -1, 1) if station.barrel else struck.chambers.side
    chamber = (np.abs(eta) // station.chamber + 1.0) * direction
    return _edges(layer, struck.chambers, value, low, high) | {
        "time": time,
        "driftR": drift,
        "readOutSide": side,
        "covXX": np.full_like(time, readout.sigma**2),
        "covXY": np.zeros_like(time),
        "covYX": np.zeros_like(time),
        "covYY": (high - low) ** 2 / 12.0,
        "channel": (number - _first(layer)) * (PADS if readout.segment else 1) + pad + 1,
        "layer": np.full(len(time), layer.number),
        "stationPhi": struck.chambers.sector,
        "stationEta": chamber,
        "stationIndex": np.full(len(time), layer.station),
        "technology": np.full(len(time), readout.technology),
        "truthLink": struck.link,
    }


def _coordinate(layer: Layer, true: Floats, cosine: Floats, random: Streams) -> tuple[Floats, Floats, Floats]:
    """Return the channel's number on its grid, the coordinate [mm] that it stands for, and the drift radius [mm]."""
    readout = layer.readout
    error = readout.resolution * random.normal()
    if readout.technology != MDT:
        true = true + error
    number = np.floor((true - layer.shift) / readout.pitch)
    centre = (number + 0.5) * readout.pitch + layer.shift
    if readout.technology == MDT:
        # The distance to the wire at right angles to the track, not the one in the plane of the wires.
        return number, centre, np.minimum(np.abs(np.abs(true - centre) * cosine + error), TUBE_RADIUS)
    return number, true if readout.resolution else centre, np.zeros_like(true)


def _first(layer: Layer) -> float:
    """Return the least number on the grid of a layer."""
    high, barrel = layer.high, STATIONS[layer.station].barrel
    least = -high if barrel else layer.low
    if layer.readout.phi:
        least = -float(reach(layer, np.array([high]))[0])
    return float(np.floor((least - layer.shift) / layer.readout.pitch)) - 1.0


def _ends(layer: Layer, struck: Struck, value: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the pad's number in its row, and where the channel begins and ends in the other coordinate [mm]."""
    readout, none = layer.readout, np.zeros_like(value)
    if readout.segment:
        number = np.floor(struck.phi / readout.segment)
        return number + PADS // 2, number * readout.segment, (number + 1.0) * readout.segment
    if not readout.phi:
        width = reach(layer, np.abs(value))
        return none, -width, width
    length, sign = STATIONS[layer.station].chamber, np.where(struck.eta < 0.0, -1.0, 1.0)
    near = np.abs(struck.eta) // length * length
    one, other = sign * np.maximum(near, layer.low), sign * np.minimum(near + length, layer.high)
    return none, np.minimum(one, other), np.maximum(one, other)


def _edges(layer: Layer, chambers: Chambers, value: Floats, low: Floats, high: Floats) -> Columns:
    columns: Columns = {}
    normal = np.full_like(value, layer.distance)
    for name, end in (("High", high), ("Low", low)):
        eta, phi = (end, value) if layer.readout.phi else (value, end)
        place = chambers.fixed(normal, eta, phi, STATIONS[layer.station].barrel)
        columns |= {f"globEdge{name}{axis}": part for axis, part in zip("XYZ", place, strict=True)}
    return columns
