"""Straight lines and circles through hits of chambers that are made here, with drift radii of exact lines."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.muons.bends import ANGLE, segment_row
from datasets.muons.bends import COLUMNS as BEND_COLUMNS
from datasets.muons.segments import fit_lines, tube_crossings
from datasets.muons.tracks import COLUMNS, NEEDED, SECTORS, track_columns

FEATURES = ("time", *NEEDED)
DEPTHS = np.array([-90.0, -60.0, -30.0, 30.0, 60.0, 90.0])
PITCH = 30.0
DISTANCES = {0: 5000.0, 1: 7500.0, 2: 10000.0, 3: 7400.0, 4: 14000.0, 5: 21500.0}


def hit(station, sector, place, half, phi_channel=False, **values):
    """A channel at (normal, eta, across) of a chamber, with its two ends."""
    angle = 2 * np.pi * (sector - 1) / SECTORS
    normal, eta, across = place
    ends = {}
    for name, sign in (("High", 1), ("Low", -1)):
        u, v = (eta + sign * half, across) if phi_channel else (eta, across + sign * half)
        outward, z = (normal, u) if station < 3 else (u, normal)
        x, y = outward * np.cos(angle) - v * np.sin(angle), outward * np.sin(angle) + v * np.cos(angle)
        ends |= {f"globEdge{name}{axis}": number for axis, number in zip("XYZ", (x, y, z), strict=True)}
    known = {"stationPhi": sector, "stationIndex": station, "technology": 0, "driftR": 0, "covXX": 0.0064}
    row = {"time": 1.0, **known, "covYY": half**2 / 3, **ends, **values}
    return [row[name] for name in FEATURES]


def tubes(station, sector, at, slope, side=1.0):
    """Six layers of drift tubes crossed by the line `at` + slope * depth in the chamber's own coordinates."""
    rows = []
    for number, depth in enumerate(DEPTHS):
        track = at + slope * depth
        shift = 15.0 * (number % 2)
        wire = (np.floor((track - shift) / PITCH) + 0.5) * PITCH + shift
        radius = abs(track - wire) / np.sqrt(1 + slope**2)
        rows.append(hit(station, sector, (side * (DISTANCES[station] + depth), wire, 0.0), 1500.0, driftR=radius))
    return rows


def columns(*events):
    counts = [len(rows) for rows in events]
    rows = np.array([row for rows in events for row in rows]).reshape(-1, len(FEATURES))
    return track_columns(FEATURES, rows, np.repeat(np.arange(len(events)), counts), len(events))


def barrel_line(eta, sector=1):
    """Hits in the barrel of a muon from the origin along the middle of a sector, that is not bent."""
    return [row for s in (0, 1, 2) for row in tubes(s, sector, DISTANCES[s] * np.sinh(eta), np.sinh(eta))]


def end_cap_line(eta, sector=5):
    slope = 1 / abs(np.sinh(eta))
    return [r for s in (3, 4, 5) for r in tubes(s, sector, DISTANCES[s] * slope, slope, np.sign(eta))]


@pytest.mark.parametrize("eta", [0.0, 0.31, -0.83])
def test_a_straight_line_in_the_barrel(eta):
    found = columns(barrel_line(eta, sector=3))
    assert found["line_eta"][0] == pytest.approx(eta, abs=1e-5)
    assert found["mean_eta"][0] == pytest.approx(eta, abs=2e-3)  # of the wires
    assert found["line_phi"][0] == pytest.approx(np.pi / 4)
    assert found["curvature"][0] == pytest.approx(0, abs=1e-6)
    assert found["stations"][0] == 7


@pytest.mark.parametrize("eta", [1.4, -2.2])
def test_a_straight_line_in_the_end_caps(eta):
    found = columns(end_cap_line(eta))
    assert found["line_eta"][0] == pytest.approx(eta, abs=1e-5)
    assert found["line_phi"][0] == pytest.approx(np.pi / 2)
    assert found["curvature"][0] == pytest.approx(0, abs=1e-6)
    assert found["stations"][0] == 56


@pytest.mark.parametrize("radius", [50e3, -200e3, 2000e3])
def test_curvature_of_a_circle(radius):
    """z = r^2 / 2 R nearly: R - sqrt(R^2 - r^2), tangential to the r axis at the origin."""
    rows = []
    for station in (0, 1, 2):
        r = DISTANCES[station]
        z = np.sign(radius) * (abs(radius) - np.sqrt(radius**2 - r**2))
        rows += tubes(station, 1, z, r / np.sqrt(radius**2 - r**2) * np.sign(radius))
    # A segment is taken as straight: over 180 mm a circle of 50 m leaves it by 0.1 mm.
    assert columns(rows)["curvature"][0] == pytest.approx(1e3 / radius, rel=0.01)


def test_phi_from_channels_along_the_sector():
    """Barrel: at a known distance; end-cap: at the distance that the others say. Both also outside the middle."""
    eta, offset = 1.6, 0.1
    slope = 1 / np.sinh(eta) * np.cos(offset)  # along the sector's middle
    rows = [row for s in (3, 4, 5) for row in tubes(s, 9, DISTANCES[s] * slope, slope)]
    for depth in (-100.0, 100.0):
        across = (14000 + depth) * slope * np.tan(offset)
        rows.append(hit(4, 9, (14000 + depth, 8000.0, across), 1000.0, True, technology=3, covXX=75.0))
    found = columns(rows)
    assert found["line_phi"][0] == pytest.approx(offset - np.pi, abs=1e-3)
    assert found["line_eta"][0] == pytest.approx(eta, abs=2e-4)
    barrel = barrel_line(0.2)
    barrel += [hit(1, 1, (7500 + d, 1000.0, (7500 + d) * np.tan(-0.15)), 700.0, True, technology=2) for d in (-9, 9)]
    found = columns(barrel)
    assert found["line_phi"][0] == pytest.approx(-0.15, abs=1e-4)
    assert found["line_eta"][0] == pytest.approx(np.arcsinh(np.sinh(0.2) * np.cos(0.15)), abs=1e-5)


def test_noise_is_left_out():
    """Hits of another sector, single ones of other stations, and some in a station far from the others."""
    rows = barrel_line(0.31)
    noise = [hit(s, 7, (DISTANCES[s], 3000.0, 0.0), 1500.0, driftR=4.0) for s in (0, 1, 2)]
    noise += [hit(3, 1, (7400.0, 2000.0, 0.0), 500.0), hit(1, 1, (7500.0, -4000.0, 0.0), 1500.0, driftR=3.0)]
    both = columns(rows, rows + noise)
    for name in COLUMNS:
        assert both[name][1] == pytest.approx(both[name][0], rel=1e-5), name


def test_events_with_too_few_hits():
    two = [row for s in (0, 2) for row in tubes(s, 1, DISTANCES[s] * np.sinh(0.3), np.sinh(0.3))]
    found = columns([], two, barrel_line(0.1)[:2])
    assert np.isnan([found[name][0] for name in ("line_eta", "line_phi", "mean_eta", "curvature")]).all()
    assert found["line_eta"][1] == pytest.approx(0.3, abs=1e-5)
    assert np.isnan(found["curvature"][1])
    assert np.isnan(found["line_eta"][2])
    assert found["stations"].tolist() == [0, 0, 0]
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(COLUMNS, (3,))


def test_the_right_sides_of_the_wires_are_found():
    """Exactly, of hundreds of lines with 8, 6, 4 or 3 tubes, each with its own slope."""
    rng = np.random.default_rng(2)
    count = np.tile([8, 6, 4, 3], 100)
    group = np.repeat(np.arange(400), count)
    depth = np.concatenate([np.arange(n) * 26.0 for n in count])
    slope, at = rng.uniform(-0.5, 0.5, 400), rng.uniform(-100, 100, 400)
    track = at[group] + slope[group] * depth
    wire = track + rng.uniform(-14, 14, len(track))
    radius = np.abs(track - wire) / np.sqrt(1 + slope[group] ** 2)
    found = tube_crossings(group, 400, depth, wire, radius, slope)
    wrong = np.unique(group[np.abs(found - track) > 1e-6])
    assert np.isin(count[wrong], [3, 4]).all()  # of few tubes another choice may lie on a line as well
    assert len(wrong) < 20


def test_tubes_that_say_no_side():
    group = np.array([0, 0, *[1] * 10])
    found = tube_crossings(group, 2, np.arange(12.0) * 26, np.zeros(12), np.ones(12), np.zeros(2))
    assert np.isnan(found[:2]).all()
    assert np.isnan(found[2:]).sum() == 2


def test_lines_are_least_squares():
    rng = np.random.default_rng(3)
    depth, place, variance = rng.normal(size=20) * 100, rng.normal(size=20), rng.uniform(1, 4, 20)
    lines = fit_lines(np.zeros(20, np.intp), 2, depth, place, variance)
    slope, start = np.polyfit(depth, place, 1, w=1 / np.sqrt(variance))
    assert lines.slope[0] == pytest.approx(slope)
    assert lines.place[0] == pytest.approx(start + slope * lines.depth[0])
    assert np.isnan(lines.place[1])


BENDS = [column.name for column in BEND_COLUMNS]


def bend_row(hits):
    (found,) = segment_row(FEATURES, np.array(hits), np.zeros(len(hits), int), 1)
    return dict(zip(BENDS, found.tolist(), strict=True))


def circle(radius):
    """z = r^2 / 2 R nearly, tangential to the r axis at the origin."""
    found = []
    for station in (0, 1, 2):
        r = DISTANCES[station]
        other = np.sqrt(radius**2 - r**2)
        found += tubes(station, 1, np.sign(radius) * (abs(radius) - other), r / other * np.sign(radius))
    return bend_row(found)


@pytest.mark.parametrize("radius", [200e3, -200e3, 2000e3])
def test_ratios_are_lengths_whatever_momentum_and_charge(radius):
    """The polar angle is pi / 2 - r / 2 R, the direction pi / 2 - r / R."""
    found = circle(radius)
    assert found["sign"] == np.sign(radius)
    assert found["bending"] == pytest.approx(np.log(1e3 / abs(radius)), abs=0.01)
    blurred = 1 + (ANGLE * radius / 1e3) ** 2
    for name, r in (("BI", 5.0), ("BM", 7.5), ("BO", 10.0)):
        assert found[f"there_{name}"] == 1
        assert found[f"place_{name}"] == pytest.approx(np.arcsinh(-(r - 5.0) / 2), abs=0.02)
        assert found[f"angle_{name}"] == pytest.approx(np.arcsinh(-r / 2 / blurred), abs=0.02)
    assert (found["there_EI"], found["place_EI"], found["end_cap"]) == (0, 0, -3)


def test_no_circle_is_a_row_of_zeros():
    assert not any(bend_row(tubes(0, 1, 100.0, 0.02) + tubes(1, 1, 150.0, 0.02)).values())
