"""Directions: unit vectors, and the emission angles of a photon from the target."""

import math

from app.physics.arrays import Array, module_of

DEGREE = math.pi / 180
"""One degree [rad]."""


def unit(vector: Array) -> Array:
    """Return vectors (..., D) at length 1; a vector of length 0 stays what it is.

    They are first divided by their largest component, so that the square of a very long or short vector neither
    overflows nor vanishes.
    """
    xp = module_of(vector)
    scale = xp.max(xp.abs(vector), axis=-1, keepdims=True)
    scaled = vector / xp.where(scale > 0, scale, xp.ones_like(scale))
    square = xp.sum(scaled * scaled, axis=-1, keepdims=True)  # 1 at least, or 0
    return scaled / xp.sqrt(xp.where(square > 0, square, xp.ones_like(square)))


def emission_vector(theta: Array, phi: Array) -> tuple[Array, Array, Array]:
    """Return x, y, z of the unit vector of the emission angles: (-sin theta cos phi, sin theta sin phi, cos theta).

    The minus sign is the experiment's: phi = 0 points along -x, from the target to the middle of the calorimeter.

    Args:
        theta: polar angle [deg].
        phi: azimuth [deg].
    """
    xp = module_of(theta, phi)
    theta, phi = theta * DEGREE, phi * DEGREE
    return -xp.sin(theta) * xp.cos(phi), xp.sin(theta) * xp.sin(phi), xp.cos(theta)


def emission_angles(x: Array, y: Array, z: Array) -> tuple[Array, Array]:
    """Return theta from 0 to 180 and phi from -180 to 180 [deg] of vectors of any length: `emission_vector` back."""
    xp = module_of(x, y, z)
    return xp.arctan2(xp.sqrt(x * x + y * y), z) / DEGREE, xp.arctan2(y, -x) / DEGREE
