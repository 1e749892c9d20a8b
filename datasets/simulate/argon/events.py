"""Events in argon: what a neutrino or a decay makes at a vertex. Imported with numba."""

from __future__ import annotations

import math

import numba

from app.physics.argon.medium import ELECTRON_MASS as MASS
from app.physics.argon.neutrinos import COUPLING_LEFT, COUPLING_RIGHT, Q_VALUE
from datasets.simulate.argon.geometry import isotropic, turned
from datasets.simulate.argon.space import ELECTRON, PHOTON, new_origin, wait
from datasets.simulate.engine.compiled_random import uniform

ELASTIC, CHARGED = 0, 1
"""Interactions."""
CASCADE_END = 0.8
"""De-excitation goes on by single gammas below this energy [MeV]; 40K's lowest level with a name of its own."""


@numba.njit
def drawn(state, values, cumulative):  # type: ignore[no-untyped-def]
    """Return a value from a cumulative spectrum on a grid, evenly between two points of it."""
    u = uniform(state)
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] < u:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return values[0]
    return values[low - 1] + uniform(state) * (values[low] - values[low - 1])


@numba.njit
def choose(state, cumulative):  # type: ignore[no-untyped-def]
    """Return an index with the shares of a cumulative table."""
    u = uniform(state)
    for i in range(len(cumulative)):
        if u <= cumulative[i]:
            return i
    return len(cumulative) - 1


@numba.njit
def start(space, kind, energy, x, y, z, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Let a particle wait that is an origin; return its number."""
    origin = new_origin(space, kind, energy, x, y, z, dx, dy, dz)
    wait(space, kind, energy, x, y, z, dx, dy, dz, origin)
    return origin


@numba.njit
def elastic(space, source, x, y, z, nx, ny, nz):  # type: ignore[no-untyped-def]
    """Scatter a neutrino with direction n on an electron; return the neutrino's energy [MeV]."""
    state = space.state
    energy = drawn(state, source.grid, source.elastic)
    high = min(source.high, 2.0 * energy * energy / (MASS + 2.0 * energy))
    low = min(source.low, high)
    while True:
        recoil = low + uniform(state) * (high - low)
        right = COUPLING_RIGHT**2 * (1.0 - recoil / energy) ** 2
        weight = COUPLING_LEFT**2 + right - COUPLING_LEFT * COUPLING_RIGHT * MASS * recoil / energy**2
        if uniform(state) * (COUPLING_LEFT**2 + COUPLING_RIGHT**2) < weight:
            break
    cosine = (1.0 + MASS / energy) * math.sqrt(recoil / (recoil + 2.0 * MASS))
    dx, dy, dz = turned(nx, ny, nz, min(cosine, 1.0), 2.0 * math.pi * uniform(state))
    start(space, ELECTRON, recoil, x, y, z, dx, dy, dz)
    return energy


@numba.njit
def charged(space, source, x, y, z, nx, ny, nz):  # type: ignore[no-untyped-def]
    """Turn a neutrino into an electron and excited 40K, whose gammas follow; return the neutrino's energy [MeV]."""
    state = space.state
    level = choose(state, source.levels)
    energy = drawn(state, source.grid, source.charged[level])
    excitation, asymmetry = source.excitation[level], source.asymmetry[level]
    kinetic = min(max(energy - Q_VALUE - excitation, source.low), source.high)
    gamma = 1.0 + kinetic / MASS
    slope = asymmetry * math.sqrt(1.0 - 1.0 / (gamma * gamma))
    while True:
        cosine = 2.0 * uniform(state) - 1.0
        if uniform(state) * (1.0 + abs(slope)) < 1.0 + slope * cosine:
            break
    dx, dy, dz = turned(nx, ny, nz, cosine, 2.0 * math.pi * uniform(state))
    start(space, ELECTRON, kinetic, x, y, z, dx, dy, dz)
    deexcite(space, excitation, x, y, z)
    return kinetic + Q_VALUE + excitation


@numba.njit
def deexcite(space, excitation, x, y, z):  # type: ignore[no-untyped-def]
    """Let the gammas of a cascade wait: each takes 40 to 100 % of what is left, the last one everything."""
    state, left = space.state, excitation
    while left > 0.0:
        energy = left
        if left > CASCADE_END:
            energy = left * (0.4 + 0.6 * uniform(state))
            energy = left if left - energy < 0.1 else energy
        dx, dy, dz = isotropic(state)
        start(space, PHOTON, energy, x, y, z, dx, dy, dz)
        left -= energy


@numba.njit
def interact(space, source, interaction, x, y, z):  # type: ignore[no-untyped-def]
    """Let a neutrino from anywhere interact; return its momentum [MeV/c]. The electron is origin 0."""
    nx, ny, nz = isotropic(space.state)
    if interaction == ELASTIC:
        energy = elastic(space, source, x, y, z, nx, ny, nz)
    else:
        energy = charged(space, source, x, y, z, nx, ny, nz)
    return energy * nx, energy * ny, energy * nz


@numba.njit
def decay(space, source, x, y, z):  # type: ignore[no-untyped-def]
    """Let a nucleus decay to an electron or a single gamma; return the origin."""
    state = space.state
    dx, dy, dz = isotropic(state)
    if uniform(state) < source.gammas:
        line = source.lines[min(int(uniform(state) * len(source.lines)), len(source.lines) - 1)]
        return start(space, PHOTON, line, x, y, z, dx, dy, dz)
    return start(space, ELECTRON, drawn(state, source.energy, source.cumulative), x, y, z, dx, dy, dz)
