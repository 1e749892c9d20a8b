"""Runge-Kutta through a field for 64 tracks side by side. Imported with numba.

The functions at the end advance tracks `first` to `last - 1` by dz in `steps` equal steps. `columns` (7, N) are x, y
[mm], tx, ty, q/p [1/GeV], z and dz [mm]: those of the state change. `left` (N,) becomes true where a track was outside
of the field. `tables` are those of the field; `shared` says that all tracks have one z and dz.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from app.physics.units import LIGHT_SPEED
from datasets.simulate.engine.compiled import compile_entry
from datasets.simulate.tracks import compiled_fields as fields
from datasets.simulate.tracks import compiled_look_up
from datasets.simulate.tracks.compiled_fields import (
    BX,
    BY,
    BZ,
    FAST,
    LANES,
    LEFT,
    SIZE,
    STX,
    STY,
    SUM_TX,
    SUM_TY,
    SUM_X,
    SUM_Y,
    SX,
    SY,
    TX,
    TY,
    H,
    K,
    X,
    Y,
    Z,
)  # fmt: skip

SOURCES = (Path(__file__), Path(fields.__file__), Path(compiled_look_up.__file__))


@numba.njit(**FAST)
def everywhere(tables: Any, w: Any, n: Any) -> None:
    """The field is known everywhere."""


@numba.njit(**FAST)
def in_box(tables: Any, w: Any, n: Any) -> None:
    """Note which tracks are outside of a map."""
    x0, y0, z0, x1, y1, z1 = tables[0][:6]
    for i in range(LANES):
        x, y, z = w[X + i], w[Y + i], w[Z + i] + w[H + i] * n
        inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1)
        w[LEFT + i] = max(w[LEFT + i], 0.0 if inside else 1.0)


@numba.njit(**FAST)
def in_cells(tables: Any, w: Any, n: Any) -> None:
    """Note which tracks are outside of the cells that tracks have seen."""
    (x0, y0, z0, px, py, pz), (nx, ny, nz), cells = tables[5], tables[6], tables[7]
    for i in range(LANES):
        u, v, t = (w[X + i] - x0) * px, (w[Y + i] - y0) * py, (w[Z + i] + w[H + i] * n - z0) * pz
        inside = (u >= 0) & (u <= nx) & (v >= 0) & (v <= ny) & (t >= 0) & (t <= nz)
        if inside:
            a, b, c = min(np.int64(u), nx - 1), min(np.int64(v), ny - 1), min(np.int64(t), nz - 1)
            inside = cells[(a * ny + b) * nz + c]
        w[LEFT + i] = max(w[LEFT + i], 0.0 if inside else 1.0)


@numba.njit(**FAST)
def stage(w: Any, weight: Any, share: Any) -> None:
    """Add the slopes of a stage to their sums, and go by so large a share of the step from its beginning."""
    for i in range(LANES):
        tx, ty, bx, by, bz = w[STX + i], w[STY + i], w[BX + i], w[BY + i], w[BZ + i]
        m, g, h = w[K + i] * np.sqrt(1.0 + tx * tx + ty * ty), ty * bx - tx * by, share * w[H + i]
        ax, ay = m * (tx * g + ty * bz - by), m * (ty * g - tx * bz + bx)
        w[SUM_X + i] += weight * tx
        w[SUM_Y + i] += weight * ty
        w[SUM_TX + i] += weight * ax
        w[SUM_TY + i] += weight * ay
        w[SX + i], w[SY + i] = w[X + i] + h * tx, w[Y + i] + h * ty
        w[STX + i], w[STY + i] = w[TX + i] + h * ax, w[TY + i] + h * ay


@numba.njit(**FAST)
def end_step(w: Any) -> None:
    """Add the means of the slopes to the state, where the next step begins."""
    for i in range(LANES):
        h = w[H + i] * (1.0 / 6.0)
        x, y = w[X + i] + h * w[SUM_X + i], w[Y + i] + h * w[SUM_Y + i]
        tx, ty = w[TX + i] + h * w[SUM_TX + i], w[TY + i] + h * w[SUM_TY + i]
        w[X + i], w[Y + i], w[TX + i], w[TY + i] = x, y, tx, ty
        w[SX + i], w[SY + i], w[STX + i], w[STY + i] = x, y, tx, ty
        w[SUM_X + i], w[SUM_Y + i], w[SUM_TX + i], w[SUM_TY + i] = 0.0, 0.0, 0.0, 0.0


@numba.njit(**FAST)
def read_tracks(columns: Any, begin: Any, last: Any, steps: Any, w: Any) -> None:
    """Fill a block; the last one is filled up with the last track."""
    for i in range(LANES):
        row = min(begin + i, last - 1)
        w[X + i], w[Y + i], w[TX + i], w[TY + i] = columns[0, row], columns[1, row], columns[2, row], columns[3, row]
        w[K + i], w[Z + i], w[H + i] = LIGHT_SPEED * columns[4, row], columns[5, row], columns[6, row] / steps
        w[LEFT + i], w[SUM_X + i], w[SUM_Y + i], w[SUM_TX + i], w[SUM_TY + i] = 0.0, 0.0, 0.0, 0.0, 0.0
        w[SX + i], w[SY + i], w[STX + i], w[STY + i] = w[X + i], w[Y + i], w[TX + i], w[TY + i]


@numba.njit(**FAST)
def write_tracks(w: Any, begin: Any, last: Any, columns: Any, left: Any) -> None:
    """Take the states out of a block."""
    for i in range(min(LANES, last - begin)):
        row = begin + i
        columns[0, row], columns[1, row], columns[2, row], columns[3, row] = w[X + i], w[Y + i], w[TX + i], w[TY + i]
        left[row] = w[LEFT + i] > 0.0


def _through(field: Any, known: Any) -> Any:
    """Return the loop over tracks and steps for a field, and what notes the tracks outside of it."""

    @numba.njit(**FAST)
    def follow(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        w = np.zeros(SIZE)
        for begin in range(first, last, LANES):
            read_tracks(columns, begin, last, steps, w)
            for n in range(steps):
                known(tables, w, float(n))
                for k in range(4):
                    field(tables, w, n + 0.5 * ((k + 1) // 2), shared)
                    stage(w, 1.0 if k == 0 or k == 3 else 2.0, 1.0 if k == 2 else 0.5)
                end_step(w)
            known(tables, w, float(steps))
            write_tracks(w, begin, last, columns, left)

    return follow


def _entry(make: Callable[[int], Callable[..., Any]]) -> Any:
    return compile_entry(make, SOURCES)


_uniform = _through(fields.uniform, everywhere)
_gaussian_dipole = _through(fields.gaussian_dipole, everywhere)
_maxwell_dipole = _through(fields.maxwell_dipole, everywhere)
_two_dipoles = _through(fields.two_dipoles, everywhere)
_toroid = _through(fields.toroid, everywhere)
_field_map = _through(fields.field_map, in_box)
_harmonic = _through(fields.harmonic, in_cells)


@_entry
def uniform(digest: int) -> Any:
    """Through `fields.uniform`."""

    def run(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        _uniform(tables, columns, left, first, last if digest else first, steps, shared)

    return run


@_entry
def gaussian_dipole(digest: int) -> Any:
    """Through `fields.gaussian_dipole`."""

    def run(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        _gaussian_dipole(tables, columns, left, first, last if digest else first, steps, shared)

    return run


@_entry
def maxwell_dipole(digest: int) -> Any:
    """Through `fields.maxwell_dipole`."""

    def run(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        _maxwell_dipole(tables, columns, left, first, last if digest else first, steps, shared)

    return run


@_entry
def two_dipoles(digest: int) -> Any:
    """Through `fields.two_dipoles`."""

    def run(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        _two_dipoles(tables, columns, left, first, last if digest else first, steps, shared)

    return run


@_entry
def toroid(digest: int) -> Any:
    """Through `fields.toroid`."""

    def run(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        _toroid(tables, columns, left, first, last if digest else first, steps, shared)

    return run


@_entry
def field_map(digest: int) -> Any:
    """Through `fields.field_map`."""

    def run(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        _field_map(tables, columns, left, first, last if digest else first, steps, shared)

    return run


@_entry
def harmonic(digest: int) -> Any:
    """Through `fields.harmonic`."""

    def run(tables, columns, left, first, last, steps, shared):  # type: ignore[no-untyped-def]
        _harmonic(tables, columns, left, first, last if digest else first, steps, shared)

    return run
