"""Photons through argon: Compton scatters, pairs and photoelectric absorption, until nothing is left. With numba."""

from __future__ import annotations

import math

import numba

from app.physics.argon.medium import ELECTRON_MASS as MASS
from datasets.simulate.argon.electrons import STOP, at, follow, place, stop
from datasets.simulate.argon.geometry import beamed, turned
from datasets.simulate.argon.space import ELECTRON, KIND, ORIGIN, PHOTON, POSITRON, wait
from datasets.simulate.argon.tables import COMPTON, PAIR, TOTAL
from datasets.simulate.engine.compiled_random import uniform

ABSORBED = 0.03
"""Photons with less energy are absorbed where they are [MeV]: their mean path is 3 mm."""


@numba.njit
def fly(space, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Follow a photon until it is absorbed or too far away; what it sets free waits."""
    state, limits, first = space.state, space.limits, True
    while True:
        if energy < ABSORBED:
            stop(space, tables, ELECTRON, energy, x, y, z, origin)
            return
        row, share = place(tables, energy)
        length = -math.log(uniform(state)) / at(tables.photon, row, share, TOTAL)
        x, y, z = x + length * dx, y + length * dy, z + length * dz
        if (x - limits[0]) ** 2 + (y - limits[1]) ** 2 + (z - limits[2]) ** 2 > limits[3] ** 2:
            return
        if first and space.origins[origin, KIND] == PHOTON and space.origins[origin, 8] == 0.0:
            space.origins[origin, 1], space.origins[origin, 2], space.origins[origin, 3] = x, y, z
        first, which = False, uniform(state)
        if which < at(tables.photon, row, share, COMPTON):
            energy, dx, dy, dz = compton(space, tables, energy, x, y, z, dx, dy, dz, origin)
        elif which < at(tables.photon, row, share, PAIR):
            pair(space, tables, energy, x, y, z, dx, dy, dz, origin)
            return
        else:
            release(space, tables, ELECTRON, energy, x, y, z, dx, dy, dz, origin)
            return


@numba.njit
def release(space, tables, kind, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Let an electron or positron wait, or stop here if it would not come far."""
    if energy < STOP:
        stop(space, tables, kind, energy, x, y, z, origin)
    else:
        wait(space, kind, energy, x, y, z, dx, dy, dz, origin)


@numba.njit
def scattered_share(state, energy):  # type: ignore[no-untyped-def]
    """Return which share of its energy a photon keeps, exactly after Klein and Nishina.

    Drawn from 1/e + e and kept with 1 - e sin^2 theta / (1 + e^2).

    References:
        J. C. Butcher, H. Messel, Electron number distribution in electron-photon showers in air and aluminium
        absorbers, doi:10.1016/0029-5582(60)90162-0.
    """
    k = energy / MASS
    least = 1.0 / (1.0 + 2.0 * k)
    log, square = -math.log(least), 0.5 * (1.0 - least * least)
    while True:
        if uniform(state) * (log + square) < log:
            e = math.exp(-log * uniform(state))
        else:
            e = math.sqrt(least * least + (1.0 - least * least) * uniform(state))
        t = (1.0 - e) / (k * e)
        if uniform(state) > e * t * (2.0 - t) / (1.0 + e * e):
            return e


@numba.njit
def compton(space, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Set an electron free; return energy and direction of the photon that goes on."""
    state = space.state
    e = scattered_share(state, energy)
    cosine, angle = 1.0 - MASS * (1.0 - e) / (energy * e), 2.0 * math.pi * uniform(state)
    px, py, pz = turned(dx, dy, dz, max(cosine, -1.0), angle)
    left, freed = e * energy, (1.0 - e) * energy
    ex, ey, ez = energy * dx - left * px, energy * dy - left * py, energy * dz - left * pz
    length = math.sqrt(ex * ex + ey * ey + ez * ez)
    if length > 0.0:
        release(space, tables, ELECTRON, freed, x, y, z, ex / length, ey / length, ez / length, origin)
    return left, px, py, pz


@numba.njit
def pair(space, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Make an electron and a positron, which share the energy evenly at random, at about m/E to the photon."""
    state, free = space.state, energy - 2.0 * MASS
    part = uniform(state) * free
    angle = 2.0 * math.pi * uniform(state)
    for kind, kinetic, about in ((ELECTRON, part, angle), (POSITRON, free - part, angle + math.pi)):
        gamma = 1.0 + kinetic / MASS
        cosine = beamed(state, math.sqrt(max(0.0, 1.0 - 1.0 / (gamma * gamma))))
        ex, ey, ez = turned(dx, dy, dz, cosine, about)
        release(space, tables, kind, max(kinetic, 1e-6), x, y, z, ex, ey, ez, origin)


@numba.njit
def shower(space, tables):  # type: ignore[no-untyped-def]
    """Follow all particles that wait, and those that they set free, to their ends."""
    while space.used[0] > 0:
        space.used[0] -= 1
        row = space.waiting[space.used[0]]
        energy, x, y, z, dx, dy, dz = row[0], row[1], row[2], row[3], row[4], row[5], row[6]
        kind, origin = int(row[KIND]), int(row[ORIGIN])
        if kind == PHOTON:
            fly(space, tables, energy, x, y, z, dx, dy, dz, origin)
        else:
            follow(space, tables, kind, energy, x, y, z, dx, dy, dz, origin, math.inf)
