"""Electrons stepped through argon: small collisions as a continuous process, large ones one by one (class II).

Steps end at hard events: delta electrons above 30 keV (Moller), photons above 50 keV, large scatters. Between them
energy is lost with Gaussian fluctuations, and the direction changes once, at a random point of the step, by the sum of
the small scatters. Imported with numba.

References:
    F. Salvat, PENELOPE, a code system for Monte Carlo simulation of electron and photon transport, OECD/NEA 2019.
"""

from __future__ import annotations

import math

import numba

from app.physics.argon.medium import ELECTRON_MASS as MASS
from app.physics.argon.scattering import bremsstrahlung_shape
from datasets.simulate.argon.geometry import beamed, isotropic, turned
from datasets.simulate.argon.space import ELECTRON, PHOTON, POSITRON, deposit, new_origin, wait
from datasets.simulate.argon.tables import (
    CHARGE,
    CHARGE_STOPPED,
    COLLISION_CUT,
    CUT,
    DELTA,
    LONGEST,
    LOSS,
    POINTS,
    RADIATION,
    RADIATION_CUT,
    SCATTER,
    SCREENING,
    STRAGGLING,
    TRANSPORT,
)
from datasets.simulate.engine.compiled_random import normals, uniform

STOP = 0.25
"""Electrons with less energy stay where they are [MeV]: their range is 0.6 mm."""

shape = numba.njit(bremsstrahlung_shape)


@numba.njit
def place(tables, energy):  # type: ignore[no-untyped-def]
    """Return the row of the tables below an energy and how far it lies towards the next."""
    where = (math.log(energy) - tables.start) * tables.inverse_step
    row = min(max(int(where), 0), POINTS - 2)
    return row, min(max(where - row, 0.0), 1.0)


@numba.njit
def at(table, row, share, column):  # type: ignore[no-untyped-def]
    """Return the interpolated entry of a table."""
    return table[row, column] + share * (table[row + 1, column] - table[row, column])


@numba.njit
def stop(space, tables, kind, energy, x, y, z, origin):  # type: ignore[no-untyped-def]
    """Leave all energy here; a positron's annihilation goes on as two photons."""
    row, share = place(tables, energy)
    deposit(space, x, y, z, energy, energy * at(tables.electron, row, share, CHARGE_STOPPED), origin)
    if kind == POSITRON:
        dx, dy, dz = isotropic(space.state)
        wait(space, PHOTON, MASS, x, y, z, dx, dy, dz, origin)
        wait(space, PHOTON, MASS, x, y, z, -dx, -dy, -dz, origin)


@numba.njit
def follow(space, tables, kind, energy, x, y, z, dx, dy, dz, origin, length):  # type: ignore[no-untyped-def]
    """Follow an electron or positron to its end, or to the end of a layer, the path of this length [cm].

    Positrons lose energy and scatter as electrons do, and annihilate at rest.

    Returns:
        The path [cm], the energy that was radiated [MeV], the end [cm], the direction there and the energy left [MeV].
    """
    table, state = tables.electron, space.state
    path, radiated = 0.0, 0.0
    while energy > STOP and path < length:
        row, share = place(tables, energy)
        delta, photon = at(table, row, share, DELTA), at(table, row, share, RADIATION)
        every = delta + photon + at(table, row, share, SCATTER)
        free, longest = -math.log(uniform(state)) / every, at(table, row, share, LONGEST)
        step = min(free, longest, length - path)
        loss = at(table, row, share, LOSS) * step
        loss += normals(state)[0] * math.sqrt(at(table, row, share, STRAGGLING) * step)
        loss = min(max(loss, 0.0), energy)
        hinge = uniform(state) * step
        x, y, z = x + hinge * dx, y + hinge * dy, z + hinge * dz
        deposit(space, x, y, z, loss, loss * at(table, row, share, CHARGE), origin)
        dx, dy, dz = soft_scatter(state, dx, dy, dz, at(table, row, share, TRANSPORT) * step)
        rest = step - hinge
        x, y, z = x + rest * dx, y + rest * dy, z + rest * dz
        energy, path = energy - loss, path + step
        if step < free or energy <= STOP:
            continue
        which = uniform(state) * every
        if which < delta:
            energy, dx, dy, dz = knock(space, tables, energy, x, y, z, dx, dy, dz, origin)
        elif which < delta + photon:
            taken = radiate(space, energy, x, y, z, dx, dy, dz, origin)
            energy, radiated = energy - taken, radiated + taken
        else:
            dx, dy, dz = hard_scatter(state, table, row, share, energy, dx, dy, dz)
    if path < length and energy > 0.0:
        stop(space, tables, kind, energy, x, y, z, origin)
        energy = 0.0
    return path, radiated, x, y, z, dx, dy, dz, energy


@numba.njit
def soft_scatter(state, dx, dy, dz, mean):  # type: ignore[no-untyped-def]
    """Turn a direction by many small scatters with this mean sum of 1 - cos theta: exponential in it, cut at 2."""
    half = max(0.5 * (1.0 - math.exp(-mean)), 1e-12)
    turn = -half * math.log(1.0 - uniform(state) * (1.0 - math.exp(-1.0 / half)))
    return turned(dx, dy, dz, 1.0 - 2.0 * min(turn, 1.0), 2.0 * math.pi * uniform(state))


@numba.njit
def hard_scatter(state, table, row, share, energy, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Turn a direction by one scatter: 1/(m + A)^2 above the cut, kept with Mott's factor 1 - beta^2 m."""
    a, cut = at(table, row, share, SCREENING), at(table, row, share, CUT)
    low, high = 1.0 / (cut + a), 1.0 / (1.0 + a)
    turn = 1.0 / (low + uniform(state) * (high - low)) - a
    gamma = 1.0 + energy / MASS
    if uniform(state) > 1.0 - (1.0 - 1.0 / (gamma * gamma)) * turn:
        return dx, dy, dz
    return turned(dx, dy, dz, 1.0 - 2.0 * min(max(turn, 0.0), 1.0), 2.0 * math.pi * uniform(state))


@numba.njit
def moller(state, energy):  # type: ignore[no-untyped-def]
    """Return the energy of a delta electron above the cut [MeV]: 1/W^2, kept with the rest of Moller's formula."""
    t = energy / MASS
    a, b = (t / (t + 1.0)) ** 2, (2.0 * t + 1.0) / (t + 1.0) ** 2
    low = COLLISION_CUT / energy
    while True:
        e = low / (1.0 - uniform(state) * (1.0 - 2.0 * low))
        rest = 1.0 - e
        if uniform(state) * (2.0 + 0.25 * a) < 1.0 + (e / rest) ** 2 + a * e * e - b * e / rest:
            return e * energy


@numba.njit
def knock(space, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Make a delta electron; return energy and direction of the electron that goes on.

    One below `STOP` stays where it is and turns nothing: Z (Z + 1) in the scattering stands for its push.
    """
    state = space.state
    w = moller(state, energy)
    if w < STOP:
        stop(space, tables, ELECTRON, w, x, y, z, origin)
        return energy - w, dx, dy, dz
    angle, left = 2.0 * math.pi * uniform(state), energy - w
    both = (energy + 2.0 * MASS) / energy
    cosine = math.sqrt(w * both / (w + 2.0 * MASS))
    ex, ey, ez = turned(dx, dy, dz, min(cosine, 1.0), angle)
    wait(space, ELECTRON, w, x, y, z, ex, ey, ez, origin)
    cosine = math.sqrt(left * both / (left + 2.0 * MASS))
    dx, dy, dz = turned(dx, dy, dz, min(cosine, 1.0), angle + math.pi)
    return left, dx, dy, dz


@numba.njit
def radiate(space, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Make a photon at about m/E to the electron, whose direction stays; return its energy [MeV].

    Photons of the first origin, the main track, are origins of their own.
    """
    state, total = space.state, energy + MASS
    highest = shape(0.0, total)
    while True:
        k = RADIATION_CUT * (energy / RADIATION_CUT) ** uniform(state)
        if uniform(state) * highest < shape(k / total, total):
            break
    gamma = total / MASS
    cosine = beamed(state, math.sqrt(1.0 - 1.0 / (gamma * gamma)))
    px, py, pz = turned(dx, dy, dz, cosine, 2.0 * math.pi * uniform(state))
    source = new_origin(space, PHOTON, k, x, y, z, px, py, pz) if origin == 0 else origin
    wait(space, PHOTON, k, x, y, z, px, py, pz, source)
    return k
