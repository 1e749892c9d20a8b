"""Magnetic fields for 64 tracks side by side: loops that the compiler turns into vectors. Imported with numba.

Each function fills the rows BX, BY, BZ of `w` (SIZE,) with the field [T] at the rows SX, SY [mm] and at z [mm] after n
steps; `tables` holds the field's numbers, `shared` says that all tracks have one z. Where rows begin are constants, so
that the compiler sees that no two of them are the same memory, and makes vectors without a check.
"""

import math
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from datasets.simulate.tracks.compiled_look_up import look_up

LANES = 64
X, Y, TX, TY, K, SX, SY, STX, STY, Z, H, SUM_X, SUM_Y, SUM_TX, SUM_TY, LEFT, BX, BY, BZ = range(0, 19 * LANES, LANES)
"""The state; c q/p; the state in the midst of a step; where the track begins, and the length of its step; the sums over
the stages of a step; 1 for a track that was outside of the field; the field."""
CELL, SHARE_X, SHARE_Y, SHARE_Z, INSIDE = range(19 * LANES, 24 * LANES, LANES)
HEIGHT, COS_X, SIN_X, COS_Z, SIN_Z, WAVE_C, WAVE_S, CZ, SZ, ODD, EVEN, TERMS = range(24 * LANES, 36 * LANES, LANES)
SIZE = TERMS + 6 * LANES
FAST: dict[str, Any] = {"fastmath": {"reassoc", "contract", "arcp", "nsz"}, "error_model": "numpy", "nogil": True}
"""Liberties of the compiler that preserve NaN and infinity."""
LOG2_E, LN_2_HIGH, LN_2_LOW = 1.4426950408889634, 0.693145751953125, 1.42860682030941723212e-6
SERIES = tuple(1.0 / math.factorial(n) for n in range(14))


@intrinsic
def _from_bits(_context: Any, number: Any) -> Any:
    """Return the float64 of the same 64 bits."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@numba.njit(**FAST)
def exponential(a: Any) -> Any:
    """Return exp(a) to 1e-16 of it without a call, so that it can stand in a loop of vectors."""
    a = min(max(a, -708.0), 708.0)
    n = np.floor(a * LOG2_E + 0.5)
    r = (a - n * LN_2_HIGH) - n * LN_2_LOW
    p = SERIES[13] * r + SERIES[12]
    p = ((p * r + SERIES[11]) * r + SERIES[10]) * r + SERIES[9]
    p = ((p * r + SERIES[8]) * r + SERIES[7]) * r + SERIES[6]
    p = ((p * r + SERIES[5]) * r + SERIES[4]) * r + SERIES[3]
    p = ((p * r + SERIES[2]) * r + 1.0) * r + 1.0
    return p * _from_bits((np.int64(n) + 1023) << 52)


@numba.njit(**FAST)
def uniform(tables: Any, w: Any, n: Any, shared: Any) -> None:
    """(bx, by, bz)."""
    bx, by, bz = tables[0]
    for i in range(LANES):
        w[BX + i], w[BY + i], w[BZ + i] = bx, by, bz


@numba.njit(**FAST)
def gaussian_dipole(tables: Any, w: Any, n: Any, shared: Any) -> None:
    """Peak, center, 1 / sigma."""
    peak, center, per_sigma = tables[0]
    if shared:
        u = (w[Z] + w[H] * n - center) * per_sigma
        by = peak * exponential(-0.5 * u * u)
        for i in range(LANES):
            w[BY + i] = by
        return
    for i in range(LANES):
        u = (w[Z + i] + w[H + i] * n - center) * per_sigma
        w[BY + i] = peak * exponential(-0.5 * u * u)


@numba.njit(**FAST)
def maxwell_dipole(tables: Any, w: Any, n: Any, shared: Any) -> None:
    """The same with the first Maxwell term."""
    _, center, per_sigma = tables[0]
    gaussian_dipole(tables, w, n, shared)
    for i in range(LANES):
        u, v, by = (w[Z + i] + w[H + i] * n - center) * per_sigma, w[SY + i] * per_sigma, w[BY + i]
        w[BY + i], w[BZ + i] = by * (1.0 - 0.5 * v * v * (u * u - 1.0)), -by * u * v


@numba.njit(**FAST)
def _point_dipole(strength: Any, x: Any, y: Any, z: Any) -> Any:
    squared = x * x + y * y + z * z
    cube, slope = strength / (squared * np.sqrt(squared)), 3.0 * y / squared
    return cube * slope * x, cube * (slope * y - 1.0), cube * slope * z


@numba.njit(**FAST)
def two_dipoles(tables: Any, w: Any, n: Any, shared: Any) -> None:
    """Strength [T mm^3], height, center."""
    strength, height, center = tables[0]
    for i in range(LANES):
        x, y, z = w[SX + i], w[SY + i], w[Z + i] + w[H + i] * n - center
        ax, ay, az = _point_dipole(strength, x, y - height, z)
        bx, by, bz = _point_dipole(strength, x, y + height, z)
        w[BX + i], w[BY + i], w[BZ + i] = ax + bx, ay + by, az + bz


@numba.njit(**FAST)
def _within(value: Any, low: Any, high: Any, per_edge: Any) -> Any:
    s, t = min(max((value - low) * per_edge + 0.5, 0.0), 1.0), min(max((value - high) * per_edge + 0.5, 0.0), 1.0)
    lower = s * s * s * (10.0 + s * (6.0 * s - 15.0)) if low > 0.0 else 1.0
    return lower * (1.0 - t * t * t * (10.0 + t * (6.0 * t - 15.0)))


@numba.njit(**FAST)
def toroid(tables: Any, w: Any, n: Any, shared: Any) -> None:
    """Strength [T mm], both radii, both |z|, 1 / edge, and the square of the least radius."""
    strength, r0, r1, z0, z1, per_edge, least = tables[0]
    for i in range(LANES):
        x, y, z = w[SX + i], w[SY + i], abs(w[Z + i] + w[H + i] * n)
        squared = x * x + y * y + least
        share = _within(np.sqrt(squared), r0, r1, per_edge) * _within(z, z0, z1, per_edge)
        w[BX + i], w[BY + i] = -y * (strength * share / squared), x * (strength * share / squared)


@numba.njit(**FAST)
def field_map(tables: Any, w: Any, n: Any, shared: Any) -> None:
    """Both corners and nodes per mm; the nodes (z, x, y, 4), flat; the last cell along each axis."""
    x0, y0, z0, x1, y1, z1, px, py, pz = tables[0]
    nodes, (last_x, last_y, last_z) = tables[1], tables[2]
    along_x = 4 * (last_y + 2)
    along_z = along_x * (last_x + 2)
    for i in range(LANES):
        x, y, z = w[SX + i], w[SY + i], w[Z + i] + w[H + i] * n
        inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & (z >= z0) & (z <= z1)
        u, v, t = (x - x0) * px if inside else 0.0, (y - y0) * py if inside else 0.0, (z - z0) * pz if inside else 0.0
        a, b, c = min(np.int64(u), last_x), min(np.int64(v), last_y), min(np.int64(t), last_z)
        w[SHARE_X + i], w[SHARE_Y + i], w[SHARE_Z + i] = u - a, v - b, t - c
        w[INSIDE + i], w[CELL + i] = 1.0 if inside else 0.0, c * along_z + a * along_x + 4 * b
    for i in range(LANES):
        cell, f, g, h = np.int64(w[CELL + i]), w[SHARE_X + i], w[SHARE_Y + i], w[SHARE_Z + i]
        w[BX + i], w[BY + i], w[BZ + i] = look_up(nodes, cell, along_x, along_z, f, g, h)
    for i in range(LANES):
        w[BX + i], w[BY + i], w[BZ + i] = (
            w[BX + i] * w[INSIDE + i],
            w[BY + i] * w[INSIDE + i],
            w[BZ + i] * w[INSIDE + i],
        )


@numba.njit(**FAST)
def _turn(w: Any, c: Any, s: Any, cosine: Any, sine: Any) -> None:
    """Add an angle to another: the next wave."""
    for i in range(LANES):
        old, other = w[c + i], w[s + i]
        w[c + i], w[s + i] = old * w[cosine + i] - other * w[sine + i], other * w[cosine + i] + old * w[sine + i]


@numba.njit(**FAST)
def _add_mode(w: Any, one: Any, k: Any, b: Any, row: Any) -> None:
    """Add potential, its slope in y and in z of a wave: `one` holds cos and sin in z for sinh, then for cosh."""
    c0, c1, c2, c3 = one[0, 0], one[0, 1], one[1, 0], one[1, 1]
    for i in range(LANES):
        cz, sz, odd, even = w[CZ + i], w[SZ + i], w[ODD + i], w[EVEN + i]
        s0, s1 = c0 * cz + c1 * sz, c2 * cz + c3 * sz
        w[row + i] += odd * s0 + even * s1
        w[row + LANES + i] += k * (even * s0 + odd * s1)
        w[row + 2 * LANES + i] += b * (odd * (c1 * cz - c0 * sz) + even * (c3 * cz - c2 * sz))


@numba.njit(**FAST)
def _begin_modes(tables: Any, w: Any, n: Any) -> None:
    """Fill the height and the first waves, at the nearest place of the box, and the field without waves."""
    (x0, y0, z0, x1, y1, z1), (a, b, center, by) = tables[0], tables[1]
    for i in range(LANES):
        x, z = min(max(w[SX + i], x0), x1), min(max(w[Z + i] + w[H + i] * n, z0), z1)
        w[HEIGHT + i] = min(max(w[SY + i], y0), y1)
        w[COS_X + i], w[SIN_X + i] = np.cos(a * x), np.sin(a * x)
        w[COS_Z + i], w[SIN_Z + i] = np.cos(b * (z - center)), np.sin(b * (z - center))
    for i in range(LANES):
        w[BX + i], w[BY + i], w[BZ + i], w[WAVE_C + i], w[WAVE_S + i] = 0.0, by, 0.0, 1.0, 0.0


@numba.njit(**FAST)
def harmonic(tables: Any, w: Any, n: Any, shared: Any) -> None:
    """Corners of the box; first wave numbers, center, field without waves; growth in y; modes over it; any odd in x."""
    (a, b, _, _), growth, modes, odd_in_x = tables[1], tables[2], tables[3], tables[4]
    _begin_modes(tables, w, n)
    for p in range(len(growth)):
        for i in range(LANES):
            w[CZ + i], w[SZ + i] = 1.0, 0.0
        for i in range(6 * LANES):
            w[TERMS + i] = 0.0
        for q in range(growth.shape[1]):
            k = growth[p, q]
            for i in range(LANES):
                e = exponential(k * w[HEIGHT + i])
                w[ODD + i], w[EVEN + i] = 0.5 * (e - 1.0 / e), 0.5 * (e + 1.0 / e)
            _add_mode(w, modes[p, q, 0], k, b * q, TERMS)
            if odd_in_x:
                _add_mode(w, modes[p, q, 1], k, b * q, TERMS + 3 * LANES)
            _turn(w, CZ, SZ, COS_Z, SIN_Z)
        for i in range(LANES):
            c, s = w[WAVE_C + i], w[WAVE_S + i]
            w[BX + i] += a * p * (c * w[TERMS + 3 * LANES + i] - s * w[TERMS + i])
            w[BY + i] += c * w[TERMS + LANES + i] + s * w[TERMS + 4 * LANES + i]
            w[BZ + i] += c * w[TERMS + 2 * LANES + i] + s * w[TERMS + 5 * LANES + i]
        _turn(w, WAVE_C, WAVE_S, COS_X, SIN_X)
