"""The classical fourth-order Runge-Kutta method for tracks: one formula for every field and array module."""

from app.physics.arrays import Array, computed_once
from app.physics.lorentz import State, lorentz_acceleration
from app.physics.magnetic_field import Field


def rk4_step(field: Field, state: State, qop: Array, z: Array, h: Array) -> State:
    """Advance tracks by one classical Runge-Kutta step of length h.

    Because dx/dz = tx holds exactly, the four stages of the positions are written out (Nystrom's form of the same
    method): the result is the classical one with fewer operations. The local error is of order h^5, the global one of
    order h^4 where the field has four derivatives; at the cell borders of an interpolated map it has none.

    Args:
        field: B(x, y, z) [T].
        state: x, y [mm], tx, ty at z, each of shape (...).
        qop: charge over momentum [1/GeV], shape (...).
        z: where the step begins [mm], a number or of shape (...).
        h: length of the step [mm], negative to go backward, a number or of shape (...).

    Returns:
        The state at z + h.

    References:
        E. J. Nystrom, Acta Soc. Sci. Fenn. 50 (1925) 1; E. Hairer, S. Norsett, G. Wanner, Solving ODEs I, II.14.
    """
    x, y, tx, ty = state
    half, sixth = 0.5 * h, h * (1.0 / 6.0)
    mx, my = x + half * tx, y + half * ty
    ax1, ay1 = lorentz_acceleration(field, state, qop, z)
    ax2, ay2 = lorentz_acceleration(field, (mx, my, tx + half * ax1, ty + half * ay1), qop, z + half)
    quarter = half * half
    mx, my = mx + quarter * ax1, my + quarter * ay1
    ax3, ay3 = lorentz_acceleration(field, (mx, my, tx + half * ax2, ty + half * ay2), qop, z + half)
    ex, ey = x + h * (tx + half * ax2), y + h * (ty + half * ay2)
    ax4, ay4 = lorentz_acceleration(field, (ex, ey, tx + h * ax3, ty + h * ay3), qop, z + h)
    sx, sy = ax2 + ax3, ay2 + ay3
    return (
        x + h * (tx + sixth * (ax1 + sx)),
        y + h * (ty + sixth * (ay1 + sy)),
        tx + sixth * (ax1 + sx + sx + ax4),
        ty + sixth * (ay1 + sy + sy + ay4),
    )


def rk4(field: Field, state: State, qop: Array, z_start: Array, dz: Array, steps: int) -> State:
    """Advance tracks from z_start to z_start + dz in `steps` equal steps, written out one after the other.

    For a few steps inside a graph or a loss, where gradients are wanted; `app.physics.propagation` is for many.
    """
    h = dz * (1.0 / steps)
    for step in range(steps):
        x, y, tx, ty = rk4_step(field, state, qop, z_start + step * h, h)
        state = computed_once(x, y, tx, ty)
    return state
