"""A field read from a map of nodes, interpolated linearly in x, y and z."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from app.physics.arrays import Array, computed_once, integers, module_of, table_like
from app.physics.fields._map_files import Grid, read_map
from app.physics.magnetic_field import FIELDS, Symmetry

SYMMETRIC = 1e-6
"""The largest difference of mirrored nodes, relative to the peak, of a map that counts as symmetric."""


@FIELDS("map")
class FieldMap:
    """A measured or computed field on a regular grid, trilinear between the nodes and zero outside.

    The interpolation is exact at the nodes and continuous; its derivatives jump at the cell borders, so that the field
    obeys Maxwell's equations only to the order of the spacing, and Runge-Kutta loses its fourth order: an accuracy of
    about 0.01 mm is reasonable. A simulation counts tracks that leave the map and warns of them.

    Args:
        file: the map: npz grid or ASCII table `x y z Bx By Bz`; `${VARIABLE}` is expanded. A missing file is an error.
        polarity: +1 as in the file, -1 reversed.
        scale: further factor on the field, e.g. current over nominal current.
        offset: vector that is added to the map's coordinates [mm].
        length_unit: unit of the file's coordinates, when the file does not say it and it is not mm.
        field_unit: unit of the file's field, when the file does not say it and it is not T.

    Raises:
        UserError: no such file, no full and even grid, an unset variable in the path.
    """

    beyond: ClassVar[str] = "left the field map, the field is zero there"

    def __init__(
        self,
        *,
        file: str,
        polarity: Literal[1, -1] = 1,
        scale: float = 1.0,
        offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
        length_unit: Literal["mm", "cm", "m"] | None = None,
        field_unit: Literal["T", "kG", "G"] | None = None,
    ) -> None:
        grid = read_map(file, length_unit, field_unit)
        self._set(grid, polarity * scale, offset)

    @classmethod
    def of_grid(cls, axes: tuple[NDArray[Any], ...], values: NDArray[Any], sha256: str = "") -> FieldMap:
        """Make a map from axes [mm] and values (nx, ny, nz, 3) [T] in memory."""
        made = cls.__new__(cls)  # the constructor belongs to the job file
        x, y, z = axes
        made._set(Grid((x, y, z), values, sha256), 1.0, (0.0, 0.0, 0.0))
        return made

    def _set(self, grid: Grid, factor: float, offset: tuple[float, float, float]) -> None:
        self.sha256 = grid.sha256
        self.values = grid.values * factor
        self.axes = tuple(axis + shift for axis, shift in zip(grid.axes, offset, strict=True))
        self.low = tuple(float(axis[0]) for axis in self.axes)
        self.high = tuple(float(axis[-1]) for axis in self.axes)
        self.per_mm = tuple((len(axis) - 1) / float(axis[-1] - axis[0]) for axis in self.axes)

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (Bx, By, Bz) [T] at (x, y, z) [mm], zero outside the map."""
        known = self.inside(x, y, z)
        cell, fractions = self._locate(known, (x, y, z))
        rows = module_of(cell).take(table_like(fractions[0], self._tables), cell, axis=0)
        corners = [rows[..., i] for i in range(24)]
        bx, by, bz = (_trilinear(known, corners[8 * i : 8 * i + 8], fractions) for i in range(3))
        return bx, by, bz

    def _locate(self, known: Array, place: tuple[Array, Array, Array]) -> tuple[Array, list[Array]]:
        """Return the flat number of the cell that each place lies in and where in it, 0 to 1 along each axis."""
        xp, cell, fractions = module_of(known), 0, []
        for value, low, per_mm, axis in zip(place, self.low, self.per_mm, self.axes, strict=True):
            along = xp.where(known, (value - low) * per_mm, 0.0)
            whole = xp.clip(xp.floor(along), 0.0, len(axis) - 2.0)
            fractions.append(along - whole)
            cell = cell * (len(axis) - 1) + integers(whole)
        return computed_once(cell)[0], fractions

    @cached_property
    def _tables(self) -> dict[str, Any]:
        """The polynomial of every cell, (cells, 24) by precision: one look-up of a row instead of eight far apart."""
        return {"float64": np.ascontiguousarray(_cell_polynomials(self.values))}

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return where (x, y, z) [mm] lies within the map's nodes."""
        (x0, y0, z0), (x1, y1, z1) = self.low, self.high
        return (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1)

    @cached_property
    def symmetry(self) -> Symmetry:
        """The symmetry of the values at the nodes: agreement of mirrored values, and the axes along which they vary."""
        bx, by, bz = np.moveaxis(self.values, -1, 0)
        in_x = self._even(0, ((by, 1), (bz, 1), (bx, -1)))
        in_y = self._even(1, ((by, 1), (bx, -1), (bz, -1)))
        varies = [len(self.axes[i]) > 1 and bool(np.ptp(self.values, axis=i).any()) for i in range(3)]
        return Symmetry(in_x, in_y, *varies)

    def _even(self, axis: int, components: tuple[tuple[NDArray[Any], int], ...]) -> bool:
        width = self.high[axis] - self.low[axis]
        centered = abs(self.high[axis] + self.low[axis]) < SYMMETRIC * width
        allowed = SYMMETRIC * float(np.abs(self.values).max())
        return centered and all(np.abs(np.flip(b, axis) - sign * b).max() <= allowed for b, sign in components)


def _trilinear(known: Array, c: list[Array], fractions: list[Array]) -> Array:
    u, v, w = fractions
    value = c[0] + w * c[1] + v * (c[2] + w * c[3]) + u * (c[4] + w * c[5] + v * (c[6] + w * c[7]))
    return module_of(known, value).where(known, value, 0.0)


def _cell_polynomials(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each cell and component the coefficients of 1, w, v, vw, u, uw, uv, uvw; shape (cells, 24)."""
    shape = tuple(n - 1 for n in values.shape[:3])
    polynomials = np.empty((*shape, 3, 8))
    for order, powers in enumerate(itertools.product((0, 1), repeat=3)):
        difference = values
        for axis, power in enumerate(powers):
            difference = np.diff(difference, axis=axis) if power else np.take(difference, range(shape[axis]), axis)
        polynomials[..., order] = difference
    return polynomials.reshape(-1, 24)
