"""The equation of motion of a charged particle in a static magnetic field, with z as the independent variable."""

from functools import reduce
from operator import add

from app.physics.arrays import Array, is_absent, module_of
from app.physics.magnetic_field import Field
from app.physics.units import LIGHT_SPEED

State = tuple[Array, Array, Array, Array]
"""x [mm], y [mm], tx = dx/dz, ty = dy/dz: four arrays, so that the compiler can keep each in its own registers."""


def lorentz_acceleration(field: Field, state: State, qop: Array, z: Array) -> tuple[Array, Array]:
    """Return dtx/dz and dty/dz [1/mm] of a track in a magnetic field.

    `dtx/dz = k N [tx ty Bx - (1 + tx^2) By + ty Bz]`, `dty/dz = k N [(1 + ty^2) Bx - tx ty By - tx Bz]` with
    `k = c q/p` and `N = sqrt(1 + tx^2 + ty^2)`. Energy loss and scattering are left out, so q/p is conserved. The form
    in z fails for a track that turns back (|slope| -> infinity).

    Args:
        field: B(x, y, z) [T].
        state: x, y [mm], tx, ty, each of shape (...).
        qop: charge over momentum [1/GeV], shape (...).
        z: position along the beam [mm], a number or of shape (...).

    Returns:
        dtx/dz, dty/dz [1/mm], each of shape (...).

    References:
        R. Fruehwirth et al., Data Analysis Techniques for High-Energy Physics, 2nd ed. (2000), section 3.2.
    """
    x, y, tx, ty = state
    bx, by, bz = field(x, y, z)
    k = LIGHT_SPEED * qop * module_of(tx).sqrt(1.0 + tx * tx + ty * ty)
    # Both equations share tx ty Bx - tx^2 By = tx g and ty^2 Bx - tx ty By = ty g.
    g = _sum(_times(ty, bx), _times(-tx, by))
    return k * _sum(_times(tx, g), _times(ty, bz), _times(-1.0, by)), k * _sum(_times(ty, g), _times(-tx, bz), bx)


def _times(factor: Array, component: Array) -> Array:
    return 0.0 if is_absent(component) else factor * component


def _sum(*terms: Array) -> Array:
    present = [term for term in terms if not is_absent(term)]
    return reduce(add, present) if present else 0.0
