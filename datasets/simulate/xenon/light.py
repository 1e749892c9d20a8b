"""How much of a light source's light each sensor gets. Imported with numba."""

from __future__ import annotations

import math

import numba

EXACT = 16.0
"""Nearer than four sides of a sensor its solid angle is computed exactly."""
GRAZING = 20.0 / 21.0
"""Mean over evenly spread directions of the share that enters a sensor, 1 - (1 - cos)^5."""
MATH = {"reassoc", "contract", "arcp", "nsz"}
"""Freedoms of the compiler that keep NaN and infinity what they are."""


@numba.njit(nogil=True, fastmath=MATH)
def corner(x, y, h):  # type: ignore[no-untyped-def]
    """Solid angle of the rectangle from (0, 0) to (x, y), seen from the height h above its corner (0, 0)."""
    return math.atan2(x * y, h * math.sqrt(x * x + y * y + h * h))


@numba.njit(nogil=True, fastmath=MATH)
def square_solid_angle(x, y, h, side):  # type: ignore[no-untyped-def]
    """Return the exact solid angle of a square from the height h > 0 above (x, y), measured from the square's middle.

    The sum over the faces of a closed box is 4 pi from every point inside.
    """
    half = 0.5 * side
    low_x, high_x, low_y, high_y = -half - x, half - x, -half - y, half - y
    return corner(high_x, high_y, h) - corner(low_x, high_y, h) - corner(high_x, low_y, h) + corner(low_x, low_y, h)


@numba.njit(nogil=True, fastmath=MATH)
def far_solid_angle(area, cosine, distance2):  # type: ignore[no-untyped-def]
    """Return the solid angle of a square as a point's, A cos / d^2, with the next order in side / distance."""
    return area * cosine / distance2 * (1.0 + area / distance2 * (3.0 - 5.0 * cosine * cosine) / 8.0)


@numba.njit(nogil=True, fastmath=MATH)
def solid_angles(point, position, normal, along, across, area, inner, radius, angle, cosine, distance):  # type: ignore[no-untyped-def]
    """Fill solid angle, cosine of incidence and distance [cm] of all sensors as seen from a point in the xenon.

    A sensor whose back is seen, or that the convex inner wall hides, has the solid angle 0.

    Args:
        point: x, y, z [cm].
        position: of the sensors (S, 3) [cm]; normal, along, across are the axes of their squares.
        normal: into the xenon.
        along: first side of the square.
        across: second side of the square.
        area: of the square [cm2].
        inner: the sensors of the inner face come first, so many.
        radius: of the inner face [cm].
        angle: filled, (S,).
        cosine: filled, (S,).
        distance: filled, (S,).
    """
    for i in range(len(angle)):
        x, y, z = point[0] - position[i, 0], point[1] - position[i, 1], point[2] - position[i, 2]
        d2 = x * x + y * y + z * z + 1e-12
        d = math.sqrt(d2)
        c = (x * normal[i, 0] + y * normal[i, 1] + z * normal[i, 2]) / d
        distance[i], cosine[i] = d, c
        angle[i] = far_solid_angle(area[i], max(c, 0.0), d2)
    for i in range(len(angle)):
        if cosine[i] > 0.0 and distance[i] * distance[i] < EXACT * area[i]:
            x, y, z = point[0] - position[i, 0], point[1] - position[i, 1], point[2] - position[i, 2]
            u = x * along[i, 0] + y * along[i, 1] + z * along[i, 2]
            v = x * across[i, 0] + y * across[i, 1] + z * across[i, 2]
            angle[i] = square_solid_angle(u, v, cosine[i] * distance[i], math.sqrt(area[i]))
    for i in range(inner, len(angle)):
        if hidden(point[0], point[1], position[i, 0], position[i, 1], radius):
            angle[i] = 0.0


@numba.njit(nogil=True, fastmath=MATH)
def hidden(x, y, sensor_x, sensor_y, radius):  # type: ignore[no-untyped-def]
    """Return whether the straight line between two points outside a cylinder passes through it."""
    dx, dy = sensor_x - x, sensor_y - y
    share = -(x * dx + y * dy) / (dx * dx + dy * dy + 1e-12)
    if share <= 0.0 or share >= 1.0:
        return False
    near_x, near_y = x + share * dx, y + share * dy
    return near_x * near_x + near_y * near_y < radius * radius


@numba.njit(nogil=True, fastmath=MATH)
def accepted(cosine):  # type: ignore[no-untyped-def]
    """Return the share of light that enters a sensor at this incidence and is not reflected (Schlick's form)."""
    miss = 1.0 - cosine
    return 1.0 - miss * miss * miss * miss * miss


@numba.njit(nogil=True, fastmath=MATH)
def add_direct(photons, time, index, lost, angle, cosine, distance, light, clock):  # type: ignore[no-untyped-def]
    """Add a source's unscattered light to `light` (S,), and light times arrival time [s] to `clock` (S,).

    photons omega / (4 pi) exp(-d lost) accepted(cos), with `lost` the inverse of the absorption length plus the inverse
    of the scattering length [1/cm]; `index` is the time that light needs [s/cm].
    """
    for i in range(len(light)):
        if angle[i] > 0.0:
            seen = photons * angle[i] / (4.0 * math.pi) * math.exp(-distance[i] * lost) * accepted(cosine[i])
            light[i] += seen
            clock[i] += seen * (time + distance[i] * index)


@numba.njit(nogil=True, fastmath=MATH)
def add_scattered(photons, time, index, absorbed, scattered, area, cell, angle, distance, light, clock):  # type: ignore[no-untyped-def]
    """Add the light that was scattered on its way, seen from the middle of a shower.

    The share 1 - <exp(-d / L)> of the light is scattered (the mean is over the solid angle of the walls, L the
    scattering length). It has lost its direction: it falls on the walls as 1 / (d^2 + L^2), every photon on some wall,
    after a path longer by L. Sensors take the share of the wall that they cover. `absorbed` and `scattered` are inverse
    lengths [1/cm].
    """
    unscattered, whole, spread = 0.0, 1e-12, 0.0
    length2 = 1.0 / (scattered * scattered)
    for i in range(len(light)):
        wall = angle[i] * cell[i] / area[i]
        whole += wall
        unscattered += wall * math.exp(-distance[i] * scattered)
        spread += cell[i] / (distance[i] * distance[i] + length2)
    share = photons * (1.0 - unscattered / whole) * GRAZING / spread
    for i in range(len(light)):
        path = distance[i] + 1.0 / scattered
        seen = share * area[i] / (distance[i] * distance[i] + length2) * math.exp(-path * absorbed)
        light[i] += seen
        clock[i] += seen * (time + distance[i] * index)
