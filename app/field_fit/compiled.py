"""Tracks through a sum of harmonic modes, and how their ends change with its coefficients. Imported with numba."""

from typing import Any

import numba
import numpy as np

from app.physics.units import LIGHT_SPEED
from datasets.pipeline.compiled import compile_kept

MATH = {"reassoc", "contract", "arcp", "nsz"}
"""Liberties of the compiler that preserve NaN and infinity, which a step that goes too far may give."""
GREGORY = (3.0 / 8.0, 7.0 / 6.0, 23.0 / 24.0)
"""Weights of the first places and the last ones of an integral of fourth order; inside they are 1."""
FAST: dict[str, Any] = {"fastmath": MATH, "error_model": "numpy"}


def _kept(function: Any) -> Any:
    return compile_kept(function, **FAST)


@numba.njit(nogil=True, **FAST)
def _waves(angle: Any, cosines: Any, sines: Any) -> None:
    """Fill cos(n angle) and sin(n angle) for n = 0, 1, ... by the formulas for sums of angles."""
    c, s = np.cos(angle), np.sin(angle)
    cosines[0], sines[0] = 1.0, 0.0
    for n in range(1, len(cosines)):
        cosines[n] = cosines[n - 1] * c - sines[n - 1] * s
        sines[n] = sines[n - 1] * c + cosines[n - 1] * s


@numba.njit(nogil=True, **FAST)
def _trigonometry(place: Any, tables: Any, work: Any) -> None:
    """Fill the rows of `work` with cos and sin in x, cos and sin in z at a place (x, y, z - center)."""
    a, b = tables[0], tables[1]
    _waves(a[1] * place[0] if len(a) > 1 else 0.0, work[0, : len(a)], work[1, : len(a)])
    _waves(b[1] * place[2] if len(b) > 1 else 0.0, work[2, : len(b)], work[3, : len(b)])


@numba.njit(nogil=True, **FAST)
def field_at(w: Any, place: Any, tables: Any, work: Any, out: Any, second: bool) -> None:
    """Fill `out` with Bx, By, Bz [T]; with `second` also with xx, xy, xz, yy, yz [T/mm] of the potential."""
    a, b, k, scale, scale_per_k = tables
    _trigonometry(place, tables, work)
    out[:] = 0.0
    for p in range(len(a)):
        c, s = work[0, p], work[1, p]
        for q in range(len(b)):
            e = np.exp(k[p, q] * place[1])
            sh, ch = 0.5 * (e - 1.0 / e), 0.5 * (e + 1.0 / e)
            cz, sz = work[2, q], work[3, q]
            v = w[p, q]
            # Each row: the sum over cos and sin in z of one function in x and y; `d` is its derivative in z.
            c1, d1 = v[0, 0, 0] * cz + v[0, 0, 1] * sz, b[q] * (v[0, 0, 1] * cz - v[0, 0, 0] * sz)
            c2, d2 = v[0, 1, 0] * cz + v[0, 1, 1] * sz, b[q] * (v[0, 1, 1] * cz - v[0, 1, 0] * sz)
            c3, d3 = v[1, 0, 0] * cz + v[1, 0, 1] * sz, b[q] * (v[1, 0, 1] * cz - v[1, 0, 0] * sz)
            c4, d4 = v[1, 1, 0] * cz + v[1, 1, 1] * sz, b[q] * (v[1, 1, 1] * cz - v[1, 1, 0] * sz)
            even, odd = (sh * c1 + ch * c2) * scale_per_k[p, q], (sh * c3 + ch * c4) * scale_per_k[p, q]
            rise, rise_odd = (ch * c1 + sh * c2) * scale[p, q], (ch * c3 + sh * c4) * scale[p, q]
            along, along_odd = (sh * d1 + ch * d2) * scale_per_k[p, q], (sh * d3 + ch * d4) * scale_per_k[p, q]
            out[0] += a[p] * (c * odd - s * even)
            out[1] += c * rise + s * rise_odd
            out[2] += c * along + s * along_odd
            if second:
                value = c * even + s * odd
                out[3] -= a[p] * a[p] * value
                out[4] += a[p] * (c * rise_odd - s * rise)
                out[5] += a[p] * (c * along_odd - s * along)
                out[6] += k[p, q] * k[p, q] * value
                out[7] += (c * (ch * d1 + sh * d2) + s * (ch * d3 + sh * d4)) * scale[p, q]


@numba.njit(nogil=True, **FAST)
def _acceleration(
    w: Any, state: Any, qop: Any, z: Any, tables: Any, work: Any, place: Any, out: Any, second: bool
) -> Any:
    place[0], place[1], place[2] = state[0], state[1], z
    field_at(w, place, tables, work, out, second)
    tx, ty = state[2], state[3]
    n = LIGHT_SPEED * qop * np.sqrt(1.0 + tx * tx + ty * ty)
    g = ty * out[0] - tx * out[1]
    return n * (tx * g + ty * out[2] - out[1]), n * (ty * g - tx * out[2] + out[0])


@numba.njit(nogil=True, **FAST)
def _follow(w: Any, start: Any, tables: Any, path: Any, work: Any) -> None:
    """Fill `path` (steps + 1, 4) with the states of a track by RK4; `start` is x, y, tx, ty, q/p, z - center, dz."""
    steps, qop, z, h = len(path) - 1, start[4], start[5], start[6] / (len(path) - 1)
    place, out, s = np.empty(3), np.empty(8), np.empty(4)
    for i in range(4):
        path[0, i] = start[i]
    for n in range(steps):
        here = path[n]
        ax, ay = _acceleration(w, here, qop, z + h * n, tables, work, place, out, False)
        kx, ky, vx, vy = here[2], here[3], ax, ay
        sum_x, sum_y, sum_vx, sum_vy = kx, ky, vx, vy
        for stage in range(1, 4):
            f = h if stage == 3 else 0.5 * h
            s[0], s[1], s[2], s[3] = here[0] + f * kx, here[1] + f * ky, here[2] + f * vx, here[3] + f * vy
            kx, ky = s[2], s[3]
            vx, vy = _acceleration(w, s, qop, z + h * n + f, tables, work, place, out, False)
            weight = 1.0 if stage == 3 else 2.0
            sum_x, sum_y, sum_vx, sum_vy = (
                sum_x + weight * kx,
                sum_y + weight * ky,
                sum_vx + weight * vx,
                sum_vy + weight * vy,
            )
        path[n + 1, 0], path[n + 1, 1] = here[0] + h / 6 * sum_x, here[1] + h / 6 * sum_y
        path[n + 1, 2], path[n + 1, 3] = here[2] + h / 6 * sum_vx, here[3] + h / 6 * sum_vy


@_kept
def follow(w: Any, starts: Any, tables: Any, paths: Any) -> None:
    """Fill the states of tracks along their way, (N, steps + 1, 4); `starts` is (N, 7), see `_follow`."""
    most = max(len(tables[0]), len(tables[1]))
    for i in range(len(starts)):
        _follow(w, starts[i], tables, paths[i], np.empty((4, most)))


@numba.njit(nogil=True, **FAST)
def _linearise(w: Any, state: Any, qop: Any, z: Any, tables: Any, work: Any, rates: Any, push: Any) -> None:
    """Fill `rates` (2, 4), d(dtx/dz, dty/dz) / d(x, y, tx, ty), and `push` (2, 3), the same / d(Bx, By, Bz)."""
    out, place = np.empty(8), np.empty(3)
    ax, ay = _acceleration(w, state, qop, z, tables, work, place, out, True)
    tx, ty = state[2], state[3]
    squared = 1.0 + tx * tx + ty * ty
    n = LIGHT_SPEED * qop * np.sqrt(squared)
    push[0, 0], push[0, 1], push[0, 2] = n * tx * ty, -n * (1.0 + tx * tx), n * ty
    push[1, 0], push[1, 1], push[1, 2] = n * (1.0 + ty * ty), -n * tx * ty, -n * tx
    bx, by, bz, xx, xy, xz, yy, yz = out
    for i in range(2):
        rates[i, 0] = push[i, 0] * xx + push[i, 1] * xy + push[i, 2] * xz
        rates[i, 1] = push[i, 0] * xy + push[i, 1] * yy + push[i, 2] * yz
    rates[0, 2] = ax * tx / squared + n * (ty * bx - 2.0 * tx * by)
    rates[0, 3] = ax * ty / squared + n * (tx * bx + bz)
    rates[1, 2] = ay * tx / squared + n * (-ty * by - bz)
    rates[1, 3] = ay * ty / squared + n * (2.0 * ty * bx - tx * by)


@numba.njit(nogil=True, **FAST)
def _back(psi: Any, slope: Any, f: Any, rates: Any, out: Any) -> None:
    """Fill `out` with (psi + f slope) A, the change of the transport to the end backward: d psi / dz = -psi A."""
    for c in range(4):
        p0, p1, p2, p3 = (
            psi[c, 0] + f * slope[c, 0],
            psi[c, 1] + f * slope[c, 1],
            psi[c, 2] + f * slope[c, 2],
            psi[c, 3] + f * slope[c, 3],
        )
        out[c, 0] = p2 * rates[0, 0] + p3 * rates[1, 0]
        out[c, 1] = p2 * rates[0, 1] + p3 * rates[1, 1]
        out[c, 2] = p0 + p2 * rates[0, 2] + p3 * rates[1, 2]
        out[c, 3] = p1 + p2 * rates[0, 3] + p3 * rates[1, 3]


@numba.njit(nogil=True, **FAST)
def _transport_back(psi: Any, h: Any, rates: Any, k: Any) -> None:
    """Fill `psi[1]` and `psi[2]`, the transport from h and 2 h before to the end, from `psi[0]`, by one RK4 step."""
    _back(psi[0], psi[0], 0.0, rates[0], k[0])
    _back(psi[0], k[0], h, rates[1], k[1])
    _back(psi[0], k[1], h, rates[1], k[2])
    _back(psi[0], k[2], 2.0 * h, rates[2], k[3])
    for c in range(4):
        for i in range(4):
            psi[2, c, i] = psi[0, c, i] + h / 3.0 * (k[0, c, i] + 2.0 * k[1, c, i] + 2.0 * k[2, c, i] + k[3, c, i])
    _back(psi[2], psi[2], 0.0, rates[2], k[3])
    for c in range(4):
        for i in range(4):  # the cubic through both ends
            psi[1, c, i] = 0.5 * (psi[0, c, i] + psi[2, c, i]) + 0.25 * h * (k[0, c, i] - k[3, c, i])


@numba.njit(nogil=True, **FAST)
def _add_modes(place: Any, force: Any, tables: Any, work: Any, jacobian: Any) -> None:
    """Add `force` (4, 3) times the field of each mode to `jacobian` (4, x, z, 2, 2, 2)."""
    a, b, k, scale, scale_per_k = tables
    _trigonometry(place, tables, work)
    for p in range(len(a)):
        for q in range(len(b)):
            e = np.exp(k[p, q] * place[1])
            sh, ch = 0.5 * (e - 1.0 / e), 0.5 * (e + 1.0 / e)
            cz, sz = work[2, q], work[3, q]
            for ix in range(2):
                fx, gx = work[ix, p], a[p] * (-work[1, p] if ix == 0 else work[0, p])
                for iy in range(2):
                    fy, gy = (sh if iy == 0 else ch) * scale_per_k[p, q], (ch if iy == 0 else sh) * scale[p, q]
                    bx, by, bz = gx * fy, fx * gy, fx * fy * b[q]
                    for c in range(4):
                        across, along = force[c, 0] * bx + force[c, 1] * by, force[c, 2] * bz
                        jacobian[c, p, q, ix, iy, 0] += across * cz - along * sz
                        jacobian[c, p, q, ix, iy, 1] += across * sz + along * cz


@numba.njit(nogil=True, **FAST)
def _derivative(w: Any, start: Any, path: Any, tables: Any, jacobian: Any, work: Any) -> None:
    """Add d(end state) / d(coefficients) of one track: the variational equations, solved backward along its way.

    The change of the end is the integral over `psi(z) d(force)/dw`, where `psi`, the transport from z to the end, obeys
    `d psi/dz = -psi A`: one RK4 step over two steps of the track. The integral is Gregory's of fourth order, whose
    weights are equal inside: those of Simpson's rule alternate, which short waves would see.
    """
    steps, qop, z, h = len(path) - 1, start[4], start[5], start[6] / (len(path) - 1)
    rates, push, psi, k = np.empty((3, 2, 4)), np.empty((3, 2, 3)), np.zeros((3, 4, 4)), np.empty((4, 4, 4))
    place, force = np.empty(3), np.empty((4, 3))
    for c in range(4):
        psi[2, c, c] = 1.0
    for last in range(steps, 0, -2):
        for c in range(4):
            for i in range(4):
                psi[0, c, i] = psi[2, c, i]
        for i in range(3):
            _linearise(w, path[last - i], qop, z + h * (last - i), tables, work, rates[i], push[i])
        _transport_back(psi, h, rates, k)
        for i in range(2 + (last == 2)):
            from_end = min(last - i, steps - last + i)
            share = h * (GREGORY[from_end] if from_end < 3 else 1.0)
            for c in range(4):
                for j in range(3):
                    force[c, j] = share * (psi[i, c, 2] * push[i, 0, j] + psi[i, c, 3] * push[i, 1, j])
            place[0], place[1], place[2] = path[last - i, 0], path[last - i, 1], z + h * (last - i)
            _add_modes(place, force, tables, work, jacobian)


@_kept
def add_derivatives(w: Any, starts: Any, paths: Any, tables: Any, jacobian: Any) -> None:
    """Add d(x, y, tx, ty at the end) / d(coefficients) to (N, 4, x, z, 2, 2, 2), along paths of 6, 8, 10, ... steps."""
    most = max(len(tables[0]), len(tables[1]))
    for i in range(len(starts)):
        _derivative(w, starts[i], paths[i], tables, jacobian[i], np.empty((4, most)))
