"""Geometry of the muon spectrometer: what a straight muon meets."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from app.physics.muon_spectrometer import (
    MDT,
    OVERLAP,
    SECTORS,
    STATIONS,
    TECHNOLOGIES,
    along_sector,
    azimuth_of,
    field,
    layers,
    sector_of,
)


def met(eta):
    """Numbers of the stations whose layers a straight muon at phi = 0 meets."""
    slope = np.sinh(eta)
    place = [
        (layer, layer.distance * slope if STATIONS[layer.station].barrel else layer.distance / slope)
        for layer in layers()
    ]
    return [layer for layer, coordinate in place if layer.low <= coordinate < layer.high]


@pytest.mark.parametrize("eta", np.arange(0.01, 2.7, 0.05))
def test_a_muon_meets_three_stations_at_least_everywhere(eta):
    assert len({layer.station for layer in met(eta)}) >= 3
    assert sum(layer.readout.technology == MDT for layer in met(eta)) >= 12


def test_stations_are_where_they_are_said_to_be():
    for number, station in enumerate(STATIONS):
        distance = [layer.distance for layer in layers() if layer.station == number]
        assert max(abs(d - station.distance) for d in distance) < 1000
    assert {layer.readout.technology for layer in layers()} == set(range(len(TECHNOLOGIES)))


@pytest.mark.parametrize(("eta", "integral"), [(0.0, 2.56), (0.5, 2.88), (1.0, 3.94), (1.8, 2.58), (2.7, 6.17)])
def test_field_integral_along_straight_muons(eta, integral):
    """`3.2 ln(10 / 4.5) cosh(eta)` T m in the barrel, `1.7 ln(13 / 8) / sin(theta)` in the end-caps."""
    path = np.linspace(0, 28000, 28001)
    r, z = path / np.cosh(eta), path * np.tanh(eta)
    by = field()(r, 0.0 * r, z)[1]
    assert trapezoid(by, path) / 1000 == pytest.approx(integral, abs=0.01)
    closed = 3.2 * np.log(10 / 4.5) * np.cosh(eta) if eta < 1.05 else 1.7 * np.log(13 / 8) * np.cosh(eta)
    assert integral == pytest.approx(closed, rel=0.01)


def test_multilayers_of_tubes_are_close_packed_and_do_not_overlap():
    tubes = [layer for layer in layers() if layer.station == 0]
    steps = np.diff([layer.distance for layer in tubes])
    assert np.allclose(np.sort(steps)[:6], 30 * np.sqrt(3) / 2)
    assert steps.max() == pytest.approx(200)
    assert [layer.shift for layer in tubes] == [0.0, 15.0] * 4
    assert OVERLAP > 0


def test_sectors_are_centred_on_multiples_of_a_sixteenth_and_reach_half_way():
    number = np.arange(1, SECTORS + 1)
    middle = azimuth_of(number)
    assert middle[[0, 4, 8]] == pytest.approx([0, np.pi / 2, np.pi])
    for turned in (-2 * np.pi, 0.0, 2 * np.pi):
        for off in (-0.49, 0.0, 0.49):
            assert sector_of(middle + turned + off * 2 * np.pi / SECTORS).tolist() == number.tolist()


def test_along_a_sector_is_a_rotation_by_its_azimuth():
    azimuth = azimuth_of(np.array([4]))
    outward, across = along_sector(
        3 * np.cos(azimuth + 0.1), 3 * np.sin(azimuth + 0.1), np.cos(azimuth), np.sin(azimuth)
    )
    assert (outward, across) == (pytest.approx(3 * np.cos(0.1)), pytest.approx(3 * np.sin(0.1)))
