"""Slopes in momentum coordinates: u = px/p, v = py/p, in which the force of a magnet is exactly linear in q/p."""

from app.physics.arrays import Array, module_of

LARGEST_SINE = 0.999
"""The largest sine of the angle to the beam axis, 87 degrees: sqrt(u^2 + v^2) of a prediction is kept below it."""


def to_momentum(tx: Array, ty: Array) -> tuple[Array, Array]:
    """Return u = tx/N, v = ty/N with N = sqrt(1 + tx^2 + ty^2).

    In these coordinates du/dz = c (q/p) (ty Bz - By) and dv/dz = c (q/p) (Bx - tx Bz) without the factor N and the
    squares of the slopes.
    """
    n = module_of(tx).sqrt(1.0 + tx * tx + ty * ty)
    return tx / n, ty / n


def to_slopes(u: Array, v: Array) -> tuple[Array, Array]:
    """Return tx = u/w, ty = v/w with w = sqrt(1 - u^2 - v^2); w is kept above 0, where a track would turn back."""
    floor = 1.0 - LARGEST_SINE**2
    squared = module_of(u).clip(1.0 - u * u - v * v, floor, 1.0)
    w = module_of(squared).sqrt(squared)
    return u / w, v / w
