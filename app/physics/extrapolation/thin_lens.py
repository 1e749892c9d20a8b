"""The thin lens: the whole kick of a magnet at one plane."""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from app.physics.arrays import Array, is_absent
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.lorentz import State
from app.physics.magnet import Columns, Magnet, start_state
from app.physics.momentum_slopes import to_momentum, to_slopes
from app.physics.units import LIGHT_SPEED

WEAKEST = 1e-6
"""Field [T] that is added in the centroid, so that it lies in the middle when there is no field."""


class Kick(NamedTuple):
    """Integrals of the force along the straight line of each track, each a number or (N,).

    Attributes:
        u: change of px/p per q/p [GeV].
        v: change of py/p per q/p [GeV].
        centroid: where the kick acts, as a share of dz.
    """

    u: Array
    v: Array
    centroid: Array


def kick(magnet: Magnet, columns: Columns, nodes: int) -> Kick:
    """Integrate the force along the straight line by Gauss-Legendre quadrature.

    `u = c int (ty Bz - By) dz`, `v = c int (Bx - tx Bz) dz`; the centroid is that of |By| along z.

    Args:
        magnet: field and start plane.
        columns: x, y, dz [mm], tx, ty, each (N,).
        nodes: of the quadrature.
    """
    x, y, tx, ty = start_state(columns)
    dz, z_start = columns["dz"], magnet.start(columns)
    places, weights = np.polynomial.legendre.leggauss(nodes)
    u = v = total = moment = 0.0
    for zeta, weight in zip((places + 1.0) / 2.0, weights / 2.0, strict=True):
        zeta, weight = float(zeta), float(weight)
        bx, by, bz = magnet.field(x + tx * (zeta * dz), y + ty * (zeta * dz), z_start + zeta * dz)
        u = u + weight * ((0.0 if is_absent(bz) else ty * bz) - by)
        v = v + weight * (bx - (0.0 if is_absent(bz) else tx * bz))
        strength = weight * (abs(by) + WEAKEST)
        total, moment = total + strength, moment + zeta * strength
    return Kick(LIGHT_SPEED * dz * u, LIGHT_SPEED * dz * v, moment / total)


@EXTRAPOLATIONS("thin_lens", field=True)
def thin_lens(magnet: Magnet, columns: Columns, *, nodes: Annotated[int, Field(ge=1, le=64)] = 8) -> State:
    """The momentum kick along the straight line, given at the centroid of the field: two lines with a knee.

    `u_out = u + (q/p) c int (ty Bz - By) dz` and v likewise, with u = tx/N, v = ty/N. The kick itself is exact for a
    field By(z). The centroid is that of the field between start and end: exact to first order in q/p for such a field,
    where a knee at the peak would have the same error at all momenta. The bending inside the magnet is neglected.

    Args:
        magnet: field and start plane.
        columns: x, y, dz [mm], tx, ty, qop [1/GeV], each (N,).
        nodes: of the Gauss-Legendre quadrature along the line; 8 integrate a Gaussian dipole over three widths to 1e-4.

    Returns:
        x, y [mm], tx, ty at z_start + dz, each (N,).
    """
    x, y, tx, ty = start_state(columns)
    total, qop = kick(magnet, columns, nodes), columns["qop"]
    u, v = to_momentum(tx, ty)
    tx_end, ty_end = to_slopes(u + qop * total.u, v + qop * total.v)
    before, after = total.centroid * columns["dz"], (1.0 - total.centroid) * columns["dz"]
    return x + tx * before + tx_end * after, y + ty * before + ty_end * after, tx_end, ty_end
