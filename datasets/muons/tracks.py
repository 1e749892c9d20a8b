"""Tracks of muons without a network: the direction from a straight line, the bending from a sagitta.

Pure functions on flat arrays: M hits of N events, with the event of each hit. The chambers are those of the simulation:
flat, in 16 sectors, whose channels lie along the sector's middle or across it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics import muon_spectrometer
from app.physics.muon_spectrometer import MDT, SECTORS, TUBE_RADIUS, along_sector, azimuth_of, sector_of
from datasets.muons.columns import EDGES
from datasets.muons.segments import Floats, Places, fit_lines, tube_crossings
from datasets.pipeline.events import Column

STATIONS = len(muon_spectrometer.STATIONS)
BARREL = 3
"""Stations 0, 1, 2 are in the barrel, 3, 4, 5 in the end-caps, from the inside outwards."""
ROAD = 0.03
"""Hits whose theta [rad] is further from the median of their station are noise."""
FEWEST_HITS = 3
"""Hits of the bending coordinate: a station with fewer has only noise."""
LONGEST_CHANNEL = 400.0
"""Longer channels do not measure the coordinate along them [mm]."""

NEEDED = (*EDGES, "driftR", "covXX", "covYY", "stationPhi", "stationIndex", "technology")
COLUMNS = {
    "line_eta": Column("line_eta", "", "pseudorapidity of a straight line to the innermost station"),
    "line_phi": Column("line_phi", "rad", "azimuth of a straight line through all hits"),
    "mean_eta": Column("mean_eta", "", "mean pseudorapidity of all hits in the muon's sector"),
    "curvature": Column("curvature", "1/m", "of the circle through three stations, in the plane of r and z"),
    "stations": Column("stations", "", "bits of the stations that this circle passes"),
}


class Hits(NamedTuple):
    """Hits (M,) in chambers: outward along the sector's middle, across it, and z [mm]; `eta` says what is measured."""

    event: Places
    sector: Floats
    station: Places
    outward: Floats
    across: Floats
    z: Floats
    eta: NDArray[np.bool_]
    length: Floats
    variance: Floats
    radius: Floats
    tube: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.bool_]) -> Hits:
        """Return some of them."""
        values: Any = [column[chosen] for column in self]
        return Hits(*values)


def track_columns(
    features: Sequence[str], hits: NDArray[Any], event: NDArray[Any], events: int
) -> Mapping[str, NDArray[np.float32]]:
    """Return the columns of `COLUMNS`, (N,) each, NaN where an event has too few hits.

    Args:
        features: names of the columns of `hits`, of which those of `NEEDED` count.
        hits: (M, F), unscaled: mm and mm^2.
        event: number of the event of each hit, (M,).
        events: N.
    """
    track = track_of(features, hits, event, events)
    at = np.arange(events), np.argmax(track.there, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        line = np.where(track.there.any(axis=1), np.arcsinh(track.z[at] / track.r[at]), np.nan)
        some = track.hits.take(track.hits.eta)
        number = np.bincount(some.event, minlength=events)
        mean_eta = np.bincount(some.event, np.arcsinh(some.z / some.outward), events) / number
    columns = {
        "line_eta": line,
        "line_phi": (track.phi + np.pi) % (2 * np.pi) - np.pi,
        "mean_eta": mean_eta,
        "curvature": 1000.0 * track.curvature,
        "stations": track.stations.astype(np.float64),
    }
    return {name: np.asarray(columns[name], np.float32) for name in COLUMNS}


class Track(NamedTuple):
    """Tracks of N muons: r, z [mm], theta [rad] of the segments and whether they exist (N, 6), the others (N,)."""

    hits: Hits
    phi: Floats
    sector: Floats
    r: Floats
    z: Floats
    theta: Floats
    there: NDArray[np.bool_]
    curvature: Floats
    stations: Places


def track_of(features: Sequence[str], hits: NDArray[Any], event: NDArray[Any], events: int) -> Track:
    """Return the segments in the stations and the circle through three of them; arguments as of `track_columns`."""
    values = {name: np.asarray(hits[:, list(features).index(name)], np.float64) for name in NEEDED}
    own = select_hits(hits_in_chambers(values, np.asarray(event, np.intp)), events)
    phi, sector = azimuths(own, events)
    points, there, slope = station_points(own, events)
    stretch = 1.0 / np.cos(phi - sector)[:, None]  # what lies along the sector's middle is nearer than the muon's r
    r, z = points[..., 0] * stretch, points[..., 1]
    side = np.where(z < 0, -1.0, 1.0)
    barrel = np.arange(STATIONS) < BARREL
    theta = np.where(barrel, np.arctan2(stretch, slope), np.arctan2(slope * stretch * side, side))
    return Track(own, phi, sector, r, z, theta, there, *circle(r, z, there))


def hits_in_chambers(values: Mapping[str, Floats], event: Places) -> Hits:
    """Return hits in the frame of their sector, from columns (M,) by name."""
    high, low = (np.stack([values[f"globEdge{side}{axis}"] for axis in "XYZ"]) for side in ("High", "Low"))
    azimuth = azimuth_of(values["stationPhi"])
    cosine, sine = np.cos(azimuth), np.sin(azimuth)
    (x, y, z), (dx, dy, _) = (high + low) / 2.0, high - low
    length = np.sqrt(((high - low) ** 2).sum(axis=0))
    eta = np.abs(dy * cosine - dx * sine) > 0.5 * length
    station = values["stationIndex"].astype(np.intp)
    tube = values["technology"] == MDT
    outward, across = along_sector(x, y, cosine, sine)
    return Hits(event, azimuth, station, outward, across, z, eta, length, values["covXX"], values["driftR"], tube)


def select_hits(hits: Hits, events: int) -> Hits:
    """Return the hits in the sector with the most of them, near the median of their station, which has several."""
    number = sector_of(hits.sector) - 1
    counts = np.bincount(hits.event * SECTORS + number, minlength=events * SECTORS)
    most = np.argmax(counts.reshape(events, -1), axis=1)
    hits = hits.take((number == most[hits.event]) & (hits.station >= 0) & (hits.station < STATIONS))
    theta = np.arctan2(hits.outward, hits.z)
    group = hits.event * STATIONS + hits.station
    middle = lower_medians(np.where(hits.eta, theta, np.nan), group, events * STATIONS)
    near = np.abs(theta - middle[group]) < ROAD
    number = np.bincount(group[hits.eta & near], minlength=events * STATIONS)
    return hits.take(np.where(hits.eta, near & (number[group] >= FEWEST_HITS), number[group] > 0))


def lower_medians(values: Floats, group: Places, groups: int) -> Floats:
    """Return the lower median of each group's values that are finite, NaN where there is none."""
    known = np.isfinite(values)
    values, group = values[known], group[known]
    order = np.lexsort((values, group))
    count = np.bincount(group, minlength=groups)
    some = np.flatnonzero(count)
    medians = np.full(groups, np.nan)
    medians[some] = values[order][(np.cumsum(count) - count + (count - 1) // 2)[some]]
    return medians


def station_points(hits: Hits, events: int) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return a point (outward, z) of each event in each station, (N, 6, 2) [mm], whether it is there, and slopes."""
    some = hits.take(hits.eta)
    barrel = some.station < BARREL
    depth, place = np.where(barrel, some.outward, some.z), np.where(barrel, some.z, some.outward)
    group, groups = some.event * STATIONS + some.station, events * STATIONS
    variance = np.where(some.tube, TUBE_RADIUS**2 / 3.0, some.variance)
    slope = place / np.where(depth == 0.0, np.nan, depth)
    for _ in range(2):  # first with the direction from the origin, then with that of the segment itself
        rough = np.nan_to_num(lower_medians(slope, group, groups))
        known = np.full(len(group), np.nan)
        tube = some.tube
        known[tube] = tube_crossings(group[tube], groups, depth[tube], place[tube], some.radius[tube], rough)
        good = np.isfinite(known)
        lines = fit_lines(group, groups, depth, np.where(good, known, place), np.where(good, some.variance, variance))
        slope = np.where(np.isfinite(lines.slope[group]), lines.slope[group], slope)
    depth, place = (values.reshape(events, STATIONS) for values in (lines.depth, lines.place))
    barrel = np.arange(STATIONS) < BARREL
    points = np.stack([np.where(barrel, depth, place), np.where(barrel, place, depth)], axis=-1)
    there = np.isfinite(points).all(axis=-1)
    return np.where(there[..., None], points, 0.0), there, lines.slope.reshape(events, STATIONS)


def circle(r: Floats, z: Floats, there: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.intp]]:
    """Return the signed curvature (N,) [1/mm] of the circle through three of the stations (N, 6), and their bits.

    These are the innermost and the outermost, and of the others the one that is nearest to their middle. With a, b, c
    the sides of the triangle, curvature = 4 area / (a b c).
    """
    distance = np.where(there, np.hypot(r, z), np.nan)
    enough = there.sum(axis=1) >= 3
    low, high = np.where(there, distance, np.inf), np.where(there, distance, -np.inf)
    first, last = np.argmin(low, axis=1), np.argmax(high, axis=1)
    rows = np.arange(len(r))
    off = np.abs(distance - (distance[rows, first] + distance[rows, last])[:, None] / 2.0)
    off[rows, first] = off[rows, last] = np.nan
    middle = np.argmin(np.where(np.isfinite(off), off, np.inf), axis=1)
    chosen = (first, middle, last)
    (ar, az), (br, bz), (cr, cz) = ((r[rows, one], z[rows, one]) for one in chosen)
    with np.errstate(invalid="ignore", divide="ignore"):
        sides = np.hypot(br - ar, bz - az) * np.hypot(cr - br, cz - bz) * np.hypot(cr - ar, cz - az)
        curvature = 2.0 * ((br - ar) * (cz - bz) - (bz - az) * (cr - br)) / sides
    bits = sum(1 << one for one in chosen)
    return np.where(enough, curvature, np.nan), np.where(enough, bits, 0)


def azimuths(hits: Hits, events: int) -> tuple[Floats, Floats]:
    """Return the azimuth (N,) [rad] of a line from the beam through all hits, and that of the sector's middle.

    across = t outward is fitted; where a channel lies along the sector, outward is what the others say at its z.
    """
    known = hits.eta | (hits.station < BARREL)
    level = hits.eta & (hits.z != 0.0)
    ratio = np.divide(hits.outward, hits.z, out=np.full(len(hits.z), np.nan), where=level)
    ratio = lower_medians(ratio, hits.event, events)[hits.event]
    outward = np.where(known, hits.outward, hits.z * ratio)
    variance = np.where(hits.eta, hits.length**2 / 12.0, hits.variance)
    usable = np.isfinite(outward) & (~hits.eta | (hits.length < LONGEST_CHANNEL))
    weight = np.where(usable, 1.0 / np.maximum(variance, 1e-6), 0.0)
    outward = np.where(usable, outward, 0.0)
    top, bottom = (np.bincount(hits.event, weight * outward * v, events) for v in (hits.across, outward))
    sector = np.zeros(events)
    sector[hits.event] = hits.sector
    empty = np.bincount(hits.event, minlength=events) == 0
    tangent = np.divide(top, bottom, out=np.zeros(events), where=bottom > 0)  # no such channel: the sector's middle
    return np.where(empty, np.nan, sector + np.arctan(tangent)), sector
