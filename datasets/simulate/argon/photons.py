"""Photons in argon: Compton scattering, pair production and photoelectric absorption. Imported with numba."""

import math

import numba

from app.physics.argon.medium import ELECTRON_MASS as MASS
from datasets.simulate.argon.electrons import STOP, find_row, follow_electron, interpolate, stop_particle
from datasets.simulate.argon.event_memory import (
    ELECTRON,
    KIND,
    ORIGIN,
    PHOTON,
    POSITRON,
    draw_boosted_cosine,
    push_particle,
    rotate,
)
from datasets.simulate.argon.tables import COMPTON, PAIR, TOTAL
from datasets.simulate.engine.compiled import uniform

ABSORBED = 0.03
"""Photons with less energy are absorbed where they are [MeV]: their mean path is 3 mm."""


@numba.njit
def follow_photon(memory, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Follow a photon until it is absorbed or too far away; its secondaries are pushed onto the stack."""
    state, limits, first = memory.state, memory.limits, True
    while True:
        if energy < ABSORBED:
            stop_particle(memory, tables, ELECTRON, energy, x, y, z, origin)
            return
        row, share = find_row(tables, energy)
        length = -math.log(uniform(state)) / interpolate(tables.photon, row, share, TOTAL)
        x, y, z = x + length * dx, y + length * dy, z + length * dz
        if (x - limits[0]) ** 2 + (y - limits[1]) ** 2 + (z - limits[2]) ** 2 > limits[3] ** 2:
            return
        if first and memory.origins[origin, KIND] == PHOTON and memory.origins[origin, 8] == 0.0:
            memory.origins[origin, 1], memory.origins[origin, 2], memory.origins[origin, 3] = x, y, z
        first, process = False, uniform(state)
        if process < interpolate(tables.photon, row, share, COMPTON):
            energy, dx, dy, dz = scatter_compton(memory, tables, energy, x, y, z, dx, dy, dz, origin)
        elif process < interpolate(tables.photon, row, share, PAIR):
            produce_pair(memory, tables, energy, x, y, z, dx, dy, dz, origin)
            return
        else:
            release_electron(memory, tables, ELECTRON, energy, x, y, z, dx, dy, dz, origin)
            return


@numba.njit
def release_electron(memory, tables, kind, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Push an electron or positron onto the stack, or stop it here if it would not come far."""
    if energy < STOP:
        stop_particle(memory, tables, kind, energy, x, y, z, origin)
    else:
        push_particle(memory, kind, energy, x, y, z, dx, dy, dz, origin)


@numba.njit
def draw_compton_share(state, energy):  # type: ignore[no-untyped-def]
    """Return the share e of its energy that a photon keeps, exactly after Klein and Nishina.

    Drawn from 1/e + e and accepted with 1 - e sin^2 theta / (1 + e^2).

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
def scatter_compton(memory, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Free an electron; return energy and direction of the photon that goes on."""
    state = memory.state
    e = draw_compton_share(state, energy)
    cosine, angle = 1.0 - MASS * (1.0 - e) / (energy * e), 2.0 * math.pi * uniform(state)
    px, py, pz = rotate(dx, dy, dz, max(cosine, -1.0), angle)
    left, transferred = e * energy, (1.0 - e) * energy
    ex, ey, ez = energy * dx - left * px, energy * dy - left * py, energy * dz - left * pz
    length = math.sqrt(ex * ex + ey * ey + ez * ez)
    if length > 0.0:
        release_electron(memory, tables, ELECTRON, transferred, x, y, z, ex / length, ey / length, ez / length, origin)
    return left, px, py, pz


@numba.njit
def produce_pair(memory, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Make an electron and a positron, which share the energy uniformly, at angles of about m/E to the photon."""
    state, free = memory.state, energy - 2.0 * MASS
    share = uniform(state) * free
    angle = 2.0 * math.pi * uniform(state)
    for kind, kinetic, azimuth in ((ELECTRON, share, angle), (POSITRON, free - share, angle + math.pi)):
        gamma = 1.0 + kinetic / MASS
        cosine = draw_boosted_cosine(state, math.sqrt(max(0.0, 1.0 - 1.0 / (gamma * gamma))))
        ex, ey, ez = rotate(dx, dy, dz, cosine, azimuth)
        release_electron(memory, tables, kind, max(kinetic, 1e-6), x, y, z, ex, ey, ez, origin)


@numba.njit
def follow_shower(memory, tables):  # type: ignore[no-untyped-def]
    """Follow all particles on the stack, and their secondaries, to their ends."""
    while memory.used[0] > 0:
        memory.used[0] -= 1
        row = memory.stack[memory.used[0]]
        energy, x, y, z, dx, dy, dz = row[0], row[1], row[2], row[3], row[4], row[5], row[6]
        kind, origin = int(row[KIND]), int(row[ORIGIN])
        if kind == PHOTON:
            follow_photon(memory, tables, energy, x, y, z, dx, dy, dz, origin)
        else:
            follow_electron(memory, tables, kind, energy, x, y, z, dx, dy, dz, origin, math.inf)
