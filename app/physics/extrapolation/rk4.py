"""A few steps of the classical Runge-Kutta method."""

from typing import Annotated

from pydantic import Field

from app.physics import runge_kutta
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.lorentz import State
from app.physics.magnet import Columns, Magnet, start_state


@EXTRAPOLATIONS("rk4", field=True)
def rk4(magnet: Magnet, columns: Columns, *, steps: Annotated[int, Field(ge=1, le=200)] = 1) -> State:
    """Runge-Kutta steps of order 4, written out in the graph: 4 values of the field each.

    Args:
        magnet: field and start plane.
        columns: x, y, dz [mm], tx, ty, qop [1/GeV], each (N,).
        steps: number of equal steps.

    Returns:
        x, y [mm], tx, ty at z_start + dz, each (N,).
    """
    state, z_start = start_state(columns), magnet.start(columns)
    return runge_kutta.rk4(magnet.field, state, columns["qop"], z_start, columns["dz"], steps)
