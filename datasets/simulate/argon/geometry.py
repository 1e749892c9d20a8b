"""Directions in compiled code: isotropic ones, turned ones, ones from a moving source. Imported with numba."""

from __future__ import annotations

import math

import numba

from datasets.simulate.engine.compiled_random import uniform


@numba.njit
def turned(x, y, z, cosine, angle):  # type: ignore[no-untyped-def]
    """Return the unit vector x, y, z turned by an angle with this cosine, and then about itself by `angle` [rad]."""
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    one, two = sine * math.cos(angle), sine * math.sin(angle)
    across = math.sqrt(x * x + y * y)
    if across < 1e-6:
        return one, math.copysign(1.0, z) * two, math.copysign(1.0, z) * cosine
    # along z x d / |z x d| and its perpendicular
    a = cosine * x + (x * z * one - y * two) / across
    b = cosine * y + (y * z * one + x * two) / across
    c = cosine * z - across * one
    length = math.sqrt(a * a + b * b + c * c)  # rounding would add up over many steps
    return a / length, b / length, c / length


@numba.njit
def isotropic(state):  # type: ignore[no-untyped-def]
    """Return a random unit vector."""
    cosine, angle = 2.0 * uniform(state) - 1.0, 2.0 * math.pi * uniform(state)
    sine = math.sqrt(1.0 - cosine * cosine)
    return sine * math.cos(angle), sine * math.sin(angle), cosine


@numba.njit
def beamed(state, beta):  # type: ignore[no-untyped-def]
    """Return the cosine to the velocity `beta` of what is emitted evenly in the frame that moves with it."""
    cosine = 2.0 * uniform(state) - 1.0
    return (cosine + beta) / (1.0 + beta * cosine)
