"""The residual of the equation of motion: the derivative of a predicted track minus the force on it."""

from functools import reduce
from operator import add
from typing import Any

from app.physics.lorentz import State, lorentz_acceleration
from losses.constraints import Track


def squared_residual(track: Track, states: State, derivatives: State, zeta: Any) -> Any:
    """Return the mean over the four components of (residual / scale)^2, (N, P).

    `r_x = dx/dzeta - dz tx`, `r_tx = dtx/dzeta - dz (dtx/dz)(state)` and y likewise, with the field at the true z of
    each point. A component is divided by (q/p) times the spread of its kick: 1 is the size of what is learned.

    Args:
        track: the batch.
        states: x, y [mm], tx, ty at the points, (N, P) each.
        derivatives: of the states by zeta, (N, P) each.
        zeta: where the points lie, (P,).
    """
    dz, qop = track.columns["dz"][:, None], track.columns["qop"][:, None]
    z_start = track.magnet.start(track.columns)
    z = (z_start if isinstance(z_start, float) else z_start[:, None]) + dz * zeta
    ax, ay = lorentz_acceleration(track.magnet.field, states, qop, z)
    left = [(derivatives[2] - dz * ax, 2), (derivatives[3] - dz * ay, 3)]
    if not track.positions_are_exact:
        left += [(derivatives[0] - dz * states[2], 0), (derivatives[1] - dz * states[3], 1)]
    squares = [(value / (qop * float(track.std[i]))) ** 2 for value, i in left]
    return reduce(add, squares) / 4.0
