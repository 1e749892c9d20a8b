"""Events in argon: the particles that a neutrino or a decay makes at a vertex. Imported with numba."""

import math

import numba

from app.physics.argon.medium import ELECTRON_MASS as MASS
from app.physics.argon.neutrinos import COUPLING_LEFT, COUPLING_RIGHT, Q_VALUE
from datasets.simulate.argon.event_memory import (
    ELECTRON,
    PHOTON,
    add_origin,
    draw_direction,
    push_particle,
    rotate,
)
from datasets.simulate.engine.compiled import uniform

ELASTIC, CHARGED = 0, 1
"""Interactions: scattering on an electron, charged current on argon-40."""
CASCADE_END = 0.8
"""Below this energy [MeV], that of the lowest level listed for 40K, a single gamma ends the de-excitation."""


@numba.njit
def draw_from_spectrum(state, values, cumulative):  # type: ignore[no-untyped-def]
    """Return a value drawn from a cumulative spectrum on a grid, uniform between two grid points."""
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
def draw_index(state, cumulative):  # type: ignore[no-untyped-def]
    """Return an index drawn with the probabilities of a cumulative table."""
    u = uniform(state)
    for i in range(len(cumulative)):
        if u <= cumulative[i]:
            return i
    return len(cumulative) - 1


@numba.njit
def start_particle(memory, kind, energy, x, y, z, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Push a particle that is an origin onto the stack; return the origin's number."""
    origin = add_origin(memory, kind, energy, x, y, z, dx, dy, dz)
    push_particle(memory, kind, energy, x, y, z, dx, dy, dz, origin)
    return origin


@numba.njit
def scatter_elastically(memory, source, x, y, z, nx, ny, nz):  # type: ignore[no-untyped-def]
    """Scatter a neutrino of direction n on an electron; return the neutrino's energy [MeV]."""
    state = memory.state
    energy = draw_from_spectrum(state, source.grid, source.elastic)
    high = min(source.high, 2.0 * energy * energy / (MASS + 2.0 * energy))
    low = min(source.low, high)
    while True:
        recoil = low + uniform(state) * (high - low)
        right = COUPLING_RIGHT**2 * (1.0 - recoil / energy) ** 2
        weight = COUPLING_LEFT**2 + right - COUPLING_LEFT * COUPLING_RIGHT * MASS * recoil / energy**2
        if uniform(state) * (COUPLING_LEFT**2 + COUPLING_RIGHT**2) < weight:
            break
    cosine = (1.0 + MASS / energy) * math.sqrt(recoil / (recoil + 2.0 * MASS))
    dx, dy, dz = rotate(nx, ny, nz, min(cosine, 1.0), 2.0 * math.pi * uniform(state))
    start_particle(memory, ELECTRON, recoil, x, y, z, dx, dy, dz)
    return energy


@numba.njit
def capture_neutrino(memory, source, x, y, z, nx, ny, nz):  # type: ignore[no-untyped-def]
    """Turn a neutrino into an electron and excited 40K, whose gammas follow; return the neutrino's energy [MeV]."""
    state = memory.state
    level = draw_index(state, source.levels)
    energy = draw_from_spectrum(state, source.grid, source.charged[level])
    excitation, asymmetry = source.excitation[level], source.asymmetry[level]
    kinetic = min(max(energy - Q_VALUE - excitation, source.low), source.high)
    gamma = 1.0 + kinetic / MASS
    slope = asymmetry * math.sqrt(1.0 - 1.0 / (gamma * gamma))
    while True:
        cosine = 2.0 * uniform(state) - 1.0
        if uniform(state) * (1.0 + abs(slope)) < 1.0 + slope * cosine:
            break
    dx, dy, dz = rotate(nx, ny, nz, cosine, 2.0 * math.pi * uniform(state))
    start_particle(memory, ELECTRON, kinetic, x, y, z, dx, dy, dz)
    deexcite_nucleus(memory, excitation, x, y, z)
    return kinetic + Q_VALUE + excitation


@numba.njit
def deexcite_nucleus(memory, excitation, x, y, z):  # type: ignore[no-untyped-def]
    """Push the gammas of a cascade onto the stack: each takes 40 to 100 % of what is left, the last one everything."""
    state, left = memory.state, excitation
    while left > 0.0:
        energy = left
        if left > CASCADE_END:
            energy = left * (0.4 + 0.6 * uniform(state))
            energy = left if left - energy < 0.1 else energy
        dx, dy, dz = draw_direction(state)
        start_particle(memory, PHOTON, energy, x, y, z, dx, dy, dz)
        left -= energy


@numba.njit
def make_interaction(memory, source, interaction, x, y, z):  # type: ignore[no-untyped-def]
    """Make a neutrino of random direction interact; return its momentum [MeV/c]. The electron is origin 0."""
    nx, ny, nz = draw_direction(memory.state)
    if interaction == ELASTIC:
        energy = scatter_elastically(memory, source, x, y, z, nx, ny, nz)
    else:
        energy = capture_neutrino(memory, source, x, y, z, nx, ny, nz)
    return energy * nx, energy * ny, energy * nz


@numba.njit
def make_decay(memory, source, x, y, z):  # type: ignore[no-untyped-def]
    """Make a nucleus decay to an electron or a single gamma; return the origin."""
    state = memory.state
    dx, dy, dz = draw_direction(state)
    if uniform(state) < source.gammas:
        line = source.lines[min(int(uniform(state) * len(source.lines)), len(source.lines) - 1)]
        return start_particle(memory, PHOTON, line, x, y, z, dx, dy, dz)
    energy = draw_from_spectrum(state, source.energy, source.cumulative)
    return start_particle(memory, ELECTRON, energy, x, y, z, dx, dy, dz)
