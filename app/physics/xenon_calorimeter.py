"""The MEG II liquid-xenon calorimeter: a C around the beam axis, its 4,760 photon sensors, and its own coordinates.

The xenon fills r = 64.97 to 106.27 cm over 125.5 degrees in azimuth, centred on phi = 180 degrees (-x), with z along
the beam. Silicon photomultipliers cover the inner face, photomultiplier tubes the five others; the middle of the outer
face has tubes closer together, 12 of them counted to the regular grid and 18 as a group of their own.

Everything is generated from the design's constants below. Sensors are numbered face by face; on a face the row goes
with azimuth (top and bottom: with the radius), from phi = 118 to 242 degrees, i.e. from positive to negative y, and the
column with z (upstream and downstream: with the radius). Lengths are in cm, angles in rad.

References:
    A. M. Baldini et al. (MEG II), The design of the MEG II experiment, doi:10.1140/epjc/s10052-018-5845-6.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SENSORS = 4760
R_INNER = 64.97
"""Radius of the inner face [cm]; v is measured along it, and w from it."""
R_OUTER = 106.27
"""Radius of the outer face [cm]."""
PHI_END = np.radians(62.76)
"""Azimuth of the top and bottom face from the middle [rad]."""
INNER_PITCH_PHI, INNER_PITCH_Z = np.radians(1.3497), 1.5098
"""Pitch of the silicon photomultipliers [rad, cm]."""
TUBE_PITCH_PHI = np.radians(5.23)
"""Pitch of the tubes' rows in azimuth on the outer, upstream and downstream face [rad]."""
OUTER_PITCH_Z = 10.356
CENTRE_PITCH_PHI, CENTRE_PITCH_Z = TUBE_PITCH_PHI / 1.5, 6.2
"""Pitch in the middle of the outer face [rad, cm]."""
SIDE_R, SIDE_Z = 69.53, 35.155
"""Radius and |z| of the innermost tubes of the upstream and downstream face [cm]."""
SIDE_PITCH_R, SIDE_PITCH_Z = 6.684, 2.337
"""Steps of radius and |z| from one tube to the next: these faces lean outward by 19.3 degrees [cm]."""
END_R, END_PITCH_R, END_PITCH_Z = 68.27, 6.91, 6.12
"""Radius of the first row, and pitches, of the top and bottom face [cm]."""
SIPM_SIDE = 1.2
"""Side of a silicon photomultiplier's sensitive square [cm]."""
TUBE_DIAMETER = 4.5
"""Diameter of a tube's photocathode [cm]."""

END_ROWS = (11, 12, 11, 12, 13, 14)
CENTRE_ROWS = (2, 5, 2, 2, 5, 2)


@dataclass(frozen=True)
class Face:
    """Sensors start to stop - 1: `shape` is (rows, columns) of a grid, or else the length of each row."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def sensors(self) -> slice:
        """The places of the face's sensors among all."""
        return slice(self.start, self.stop)


FACES = {
    "inner": Face("inner", 0, 4092, (93, 44)),
    "outer": Face("outer", 4092, 4308, (24, 9)),
    "upstream": Face("upstream", 4308, 4452, (24, 6)),
    "downstream": Face("downstream", 4452, 4596, (24, 6)),
    "top": Face("top", 4596, 4669, END_ROWS),
    "bottom": Face("bottom", 4669, 4742, END_ROWS),
    "outer_centre": Face("outer_centre", 4742, 4760, CENTRE_ROWS),
}

REACH = {
    "inner": 1.8, "outer": 13.0, "upstream": 9.55, "downstream": 9.55, "top": 8.0, "bottom": 8.0, "outer_centre": 8.0,
}  # fmt: skip
"""Distance below which sensors of a face are neighbours [cm]: in a row and between rows, not diagonally on a grid."""
MOST_NEIGHBOURS = 6


class Edges(NamedTuple):
    """The fiducial volume |u| < u, |v| < v, 0 <= w < depth [cm]; the depth is that of the xenon."""

    u: float
    v: float
    depth: float


EDGES = Edges(23.9, 67.9, R_OUTER - R_INNER)


def to_uvw(xyz: Floats) -> Floats:
    """Return (..., 3) u, v, w of points (..., 3) x, y, z [cm]; |v| is at most pi R_INNER.

    u = z; v = R_INNER (pi - phi), the arc on the inner face, positive v at positive y; w = r - R_INNER, the depth.
    """
    x, y, z = np.moveaxis(np.asarray(xyz, np.float64), -1, 0)
    return np.stack([z, R_INNER * np.arctan2(y, -x), np.hypot(x, y) - R_INNER], axis=-1)


def side_z(r: Floats) -> Floats:
    """Return |z| of the upstream and downstream face at radius r [cm]."""
    return SIDE_Z + (r - SIDE_R) * (SIDE_PITCH_Z / SIDE_PITCH_R)


def inside(xyz: Floats) -> NDArray[np.bool_]:
    """Return whether points (..., 3) [cm] lie in the xenon, between the planes and cylinders of the sensors."""
    x, y, z = np.moveaxis(np.asarray(xyz, np.float64), -1, 0)
    r = np.hypot(x, y)
    radial = (r > R_INNER) & (r < R_OUTER)
    return np.asarray(radial & (np.abs(np.arctan2(y, -x)) < PHI_END) & (np.abs(z) < side_z(r)))


@cache
def positions() -> Floats:
    """Return the centres of all sensors, (4760, 3) [cm], read-only."""
    points = np.concatenate([_cartesian(*_cylindrical(name)) for name in FACES])
    points.setflags(write=False)
    return points


@cache
def normals() -> Floats:
    """Return unit vectors from the sensors into the xenon, (4760, 3), read-only."""
    vectors = np.concatenate([_normals(name) for name in FACES])
    vectors.setflags(write=False)
    return vectors


@cache
def areas() -> Floats:
    """Return the sensitive areas of all sensors, (4760,) [cm2], read-only."""
    sizes = np.full(SENSORS, np.pi / 4 * TUBE_DIAMETER**2)
    sizes[FACES["inner"].sensors] = SIPM_SIDE**2
    sizes.setflags(write=False)
    return sizes


@cache
def neighbours(name: str) -> NDArray[np.intp]:
    """Return for each sensor of a face its neighbours within it, nearest first, (n, 6); -1 where there is none.

    Neighbours are the sensors within `REACH`: two in the row and four in the rows next to it where rows are staggered
    (top and bottom), four on rectangular grids. The table is symmetric. Where the regular grid of the outer face meets
    its denser middle, tubes next to each other are neighbours as well.

    Args:
        name: the face, a key of `FACES`.
    """
    points = positions()[FACES[name].sensors]
    table = np.full((len(points), MOST_NEIGHBOURS), -1, np.intp)
    for row, point in enumerate(points):
        distance = np.linalg.norm(points - point, axis=1)
        distance[row] = np.inf
        near = np.flatnonzero(distance < REACH[name])
        table[row, : len(near)] = near[np.argsort(distance[near], kind="stable")]
    table.setflags(write=False)
    return table


def _cylindrical(name: str) -> tuple[Floats, Floats, Floats]:
    """Return r [cm], azimuth from the middle of the C [rad] and z [cm] of a face's sensors."""
    if name in ("top", "bottom"):
        r = np.repeat(END_R + END_PITCH_R * np.arange(len(END_ROWS)), END_ROWS)
        z = np.concatenate([END_PITCH_Z * _centred(length) for length in END_ROWS])
        return r, np.full(len(r), -PHI_END if name == "top" else PHI_END), z
    if name in ("upstream", "downstream"):
        phi, step = _grid(TUBE_PITCH_PHI * _centred(24), np.arange(6.0))
        z = SIDE_Z + SIDE_PITCH_Z * step
        return SIDE_R + SIDE_PITCH_R * step, phi, -z if name == "upstream" else z
    if name == "inner":
        phi, z = _grid(INNER_PITCH_PHI * _centred(93), INNER_PITCH_Z * _centred(44))
        return np.full(len(z), R_INNER), phi, z
    phi, z = _outer() if name == "outer" else _outer_centre()
    return np.full(len(z), R_OUTER), phi, z


def _outer() -> tuple[Floats, Floats]:
    """A regular grid, of which 4 rows by 3 columns in the middle are moved onto the places of the denser grid."""
    phi, z = (a.reshape(24, 9) for a in _grid(TUBE_PITCH_PHI * _centred(24), OUTER_PITCH_Z * _centred(9)))
    dense_phi, dense_z = _dense()
    moved = np.ix_((0, 2, 3, 5), (0, 2, 4))
    phi[10:14, 3:6], z[10:14, 3:6] = dense_phi[moved], dense_z[moved]
    return phi.ravel(), z.ravel()


def _outer_centre() -> tuple[Floats, Floats]:
    """The places of the denser grid that the regular one leaves free."""
    free = np.ones((6, 5), bool)
    free[np.ix_((0, 2, 3, 5), (0, 2, 4))] = False
    phi, z = _dense()
    return phi[free], z[free]


def _dense() -> tuple[Floats, Floats]:
    phi, z = _grid(CENTRE_PITCH_PHI * _centred(6), CENTRE_PITCH_Z * _centred(5))
    return phi.reshape(6, 5), z.reshape(6, 5)


def _centred(count: int) -> Floats:
    return np.arange(count, dtype=np.float64) - (count - 1) / 2


def _grid(rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
    return np.repeat(rows, len(columns)), np.tile(columns, len(rows))


def _cartesian(r: Floats, phi: Floats, z: Floats) -> Floats:
    return np.stack([-r * np.cos(phi), -r * np.sin(phi), z], axis=-1)


def _normals(name: str) -> Floats:
    _, phi, z = _cylindrical(name)
    flat = np.zeros_like(phi)
    if name in ("top", "bottom"):  # against the direction in which the face lies from the middle
        return np.stack([np.sin(phi), -np.cos(phi), flat], axis=-1) * -np.sign(phi)[:, None]
    if name in ("upstream", "downstream"):
        lean = np.arctan2(SIDE_PITCH_Z, SIDE_PITCH_R)
        return _cartesian(flat + np.sin(lean), phi, -np.sign(z) * np.cos(lean))
    return _cartesian(flat + (1.0 if name == "inner" else -1.0), phi, flat)
