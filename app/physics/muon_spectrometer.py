"""A muon spectrometer with toroids: barrel and end-caps, three stations each, flat chambers in 16 sectors.

The beam runs along z. Sector s is centred on phi = 2 pi (s - 1) / 16. Barrel chambers are planes at a fixed distance
along the sector's middle direction, end-cap chambers planes of fixed |z|. In a chamber's plane the coordinate `eta` is
z (barrel) or the distance along the sector's middle (end-cap), `phi` is across it. Sizes follow ATLAS, simplified:
sectors are of one size, end-caps reach further out so that no gap is left between the regions, and the inner end-cap
has the chambers of two generations (CSC next to MM and STGC), so that all technologies occur.

References:
    G. Aad et al. (ATLAS), The ATLAS Experiment at the CERN Large Hadron Collider, doi:10.1088/1748-0221/3/08/S08003.
"""

from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.field_in_frame import SumOfFields
from app.physics.fields.toroid import Toroid

SECTORS = 16
HALF_WIDTH = float(np.tan(np.pi / SECTORS))
"""Half the width of a sector, divided by the distance from the axis."""
OVERLAP = 200.0
"""Length by which chambers extend into the neighbouring sector [mm]."""
CALORIMETER_R, CALORIMETER_Z = 4200.0, 6600.0
"""Radius and |z| at which muons leave the calorimeter [mm]; the field of the toroids begins behind it."""
END_R, END_Z = 17600.0, 22300.0
"""Radius and |z| beyond which nothing is measured [mm]."""
ETA_MAX = 2.7

BARREL_TOROID = Toroid(strength=3.2, r=(4500.0, 10000.0), z=(0.0, 13000.0), edge=500.0)
END_CAP_TOROIDS = Toroid(strength=1.7, r=(800.0, 4500.0), z=(8000.0, 13000.0), edge=500.0)


def azimuth_of(sector: Any) -> Any:
    """Return phi [rad] of the middle of sectors 1 to 16, from 0 on."""
    return 2.0 * np.pi / SECTORS * (sector - 1)


def sector_of(azimuth: Any) -> NDArray[np.int64]:
    """Return the sectors, 1 to 16, whose middle is nearest to directions phi [rad]."""
    number: NDArray[np.int64] = np.rint(azimuth * (SECTORS / (2.0 * np.pi))).astype(np.int64) % SECTORS + 1
    return number


def along_sector(x: Any, y: Any, cosine: Any, sine: Any) -> tuple[Any, Any]:
    """Return the coordinates outward along a sector's middle and across it; cosine and sine are of its azimuth."""
    return x * cosine + y * sine, y * cosine - x * sine


def field(scale: float = 1.0) -> SumOfFields:
    """Return B(x, y, z) [T]; straight muons cross 2.5 T m at eta = 0 and up to 6 T m at the ends of both regions."""
    return SumOfFields((BARREL_TOROID, END_CAP_TOROIDS), scale)


class Readout(NamedTuple):
    """The measurement of one coordinate.

    Attributes:
        technology: 0 MDT, 1 CSC, 2 RPC, 3 TGC, 4 STGC, 5 MM.
        phi: the coordinate across the sector, or else the one along it.
        pitch: of tubes, strips, wire groups, pads [mm].
        resolution: standard deviation of the coordinate, of the radius in a tube [mm]; 0 where only the pitch limits
        it.
        segment: length of a pad across [mm]; 0 for channels as long as the chamber.
        time: resolution of the time [ns].
    """

    technology: int
    phi: bool
    pitch: float
    resolution: float
    segment: float
    time: float

    @property
    def sigma(self) -> float:
        """Standard deviation of the measurement [mm]; that of a uniform distribution where only the pitch limits it."""
        return self.resolution or self.pitch / float(np.sqrt(12.0))


TECHNOLOGIES = ("MDT", "CSC", "RPC", "TGC", "STGC", "MM")
MDT, CSC, RPC, TGC, STGC, MM = range(6)
TUBE_RADIUS = 15.0
"""Radius of a drift tube [mm]."""
TUBES = Readout(MDT, False, 2 * TUBE_RADIUS, 0.080, 0.0, 2.0)
CSC_STRIPS = (Readout(CSC, False, 5.3, 0.060, 0.0, 7.0), Readout(CSC, True, 21.0, 5.0, 0.0, 7.0))
RPC_STRIPS = (Readout(RPC, False, 30.0, 0.0, 0.0, 1.5), Readout(RPC, True, 30.0, 0.0, 0.0, 1.5))
TGC_GROUPS = (Readout(TGC, False, 20.0, 0.0, 0.0, 4.0), Readout(TGC, True, 30.0, 0.0, 0.0, 4.0))
STGC_CHANNELS = (Readout(STGC, False, 3.2, 0.150, 0.0, 4.0), Readout(STGC, False, 80.0, 0.0, 80.0, 4.0))
MM_STRIPS = (Readout(MM, False, 0.45, 0.100, 0.0, 10.0),)


class Station(NamedTuple):
    """Three stations of the barrel, three of the end-caps; `distance` is that of the middle plane [mm]."""

    name: str
    barrel: bool
    distance: float
    chamber: float
    """Length of a chamber along the eta coordinate [mm]."""


STATIONS = (
    Station("BI", True, 5000.0, 1000.0),
    Station("BM", True, 7500.0, 1500.0),
    Station("BO", True, 10000.0, 2000.0),
    Station("EI", False, 7400.0, 1000.0),
    Station("EM", False, 14000.0, 2000.0),
    Station("EO", False, 21500.0, 2500.0),
)


class Layer(NamedTuple):
    """A plane of channels of a station: its number among those of its technology there, its distance and extent."""

    station: int
    number: int
    distance: float
    low: float
    """Least eta coordinate [mm]; 0 in the barrel, which has both signs."""
    high: float
    readout: Readout
    shift: float
    """Shift of the grid of channels [mm]: tubes of a layer lie on the gaps of the next."""


def _tubes(station: int, each: int, gap: float, low: float, high: float) -> list[Layer]:
    """Two multilayers of drift tubes, close packed: layers are sqrt(3)/2 of the pitch apart."""
    step = float(np.sqrt(3.0)) * TUBE_RADIUS
    one = [gap / 2 + TUBE_RADIUS + step * number for number in range(each)]
    depths = [-depth for depth in reversed(one)] + one
    middle = STATIONS[station].distance
    return [Layer(station, n, middle + d, low, high, TUBES, TUBE_RADIUS * (n % 2)) for n, d in enumerate(depths)]


def _planes(
    station: int, readouts: tuple[Readout, ...], depths: tuple[float, ...], extent: tuple[float, float]
) -> list[Layer]:
    middle = STATIONS[station].distance
    return [
        Layer(station, number, middle + depth, *extent, readout, 0.0)
        for number, depth in enumerate(depths)
        for readout in readouts
    ]


@cache
def layers() -> tuple[Layer, ...]:
    """Return all planes of channels, station by station."""
    stgc = (-230.0, -220.0, -210.0, -200.0, 200.0, 210.0, 220.0, 230.0)
    mm = (-75.0, -58.0, -41.0, -24.0, 24.0, 41.0, 58.0, 75.0)
    every = (
        _tubes(0, 4, 170.0, 0.0, 6800.0),
        _planes(1, RPC_STRIPS, (-370.0, -350.0, 350.0, 370.0), (0.0, 9500.0)),
        _tubes(1, 3, 300.0, 0.0, 9500.0),
        _tubes(2, 3, 300.0, 0.0, 12800.0),
        _planes(2, RPC_STRIPS, (350.0, 370.0), (0.0, 12800.0)),
        _planes(3, CSC_STRIPS, (-345.0, -315.0, -285.0, -255.0), (850.0, 2100.0)),
        _planes(3, STGC_CHANNELS, stgc, (850.0, 4450.0)),
        _planes(3, MM_STRIPS, mm, (850.0, 4450.0)),
        _tubes(3, 4, 170.0, 4300.0, 6500.0),
        _planes(4, TGC_GROUPS, (-520.0, -490.0, -460.0, 500.0, 530.0, 900.0, 930.0), (1600.0, 11900.0)),
        _tubes(4, 3, 170.0, 1600.0, 11900.0),
        _tubes(5, 3, 170.0, 2700.0, 17000.0),
    )
    return tuple(chain.from_iterable(every))
