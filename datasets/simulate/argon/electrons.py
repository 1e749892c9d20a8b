"""Electrons stepped through argon: small collisions as a continuous loss, large ones one by one (class II).

Steps end at hard events: delta electrons above 30 keV (Moller), photons above 50 keV, large scatters. Between them
energy is lost with Gaussian fluctuations, and the direction changes once, at a random point of the step, by the sum of
the small scatters. Imported with numba.

References:
    F. Salvat, PENELOPE, a code system for Monte Carlo simulation of electron and photon transport, OECD/NEA 2019.
"""

import math

import numba

from app.physics.argon.medium import ELECTRON_MASS as MASS
from app.physics.argon.scattering import bremsstrahlung_shape
from datasets.simulate.argon.event_memory import (
    ELECTRON,
    PHOTON,
    POSITRON,
    add_deposit,
    add_origin,
    draw_boosted_cosine,
    draw_direction,
    push_particle,
    rotate,
)
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
from datasets.simulate.engine.compiled import normals, uniform

STOP = 0.25
"""Electrons with less energy stay where they are [MeV]: their range is 0.6 mm."""

photon_spectrum = numba.njit(bremsstrahlung_shape)


@numba.njit
def find_row(tables, energy):  # type: ignore[no-untyped-def]
    """Return the row of the tables below an energy, and the share of the step to the next row."""
    where = (math.log(energy) - tables.start) * tables.inverse_step
    row = min(max(int(where), 0), POINTS - 2)
    return row, min(max(where - row, 0.0), 1.0)


@numba.njit
def interpolate(table, row, share, column):  # type: ignore[no-untyped-def]
    """Return the entry of a column, interpolated between a row and the next."""
    return table[row, column] + share * (table[row + 1, column] - table[row, column])


@numba.njit
def stop_particle(memory, tables, kind, energy, x, y, z, origin):  # type: ignore[no-untyped-def]
    """Deposit all energy here; a positron annihilates to two photons."""
    row, share = find_row(tables, energy)
    add_deposit(memory, x, y, z, energy, energy * interpolate(tables.electron, row, share, CHARGE_STOPPED), origin)
    if kind == POSITRON:
        dx, dy, dz = draw_direction(memory.state)
        push_particle(memory, PHOTON, MASS, x, y, z, dx, dy, dz, origin)
        push_particle(memory, PHOTON, MASS, x, y, z, -dx, -dy, -dz, origin)


@numba.njit
def follow_electron(memory, tables, kind, energy, x, y, z, dx, dy, dz, origin, length):  # type: ignore[no-untyped-def]
    """Follow an electron or positron to its end, or to the end of a layer, the path of this length [cm].

    Positrons lose energy and scatter as electrons do, and annihilate at rest.

    Returns:
        The path [cm], the energy that was radiated [MeV], the end [cm], the direction there and the energy left [MeV].
    """
    table, state = tables.electron, memory.state
    path, radiated = 0.0, 0.0
    while energy > STOP and path < length:
        row, share = find_row(tables, energy)
        delta, photon = interpolate(table, row, share, DELTA), interpolate(table, row, share, RADIATION)
        rate = delta + photon + interpolate(table, row, share, SCATTER)
        free, longest = -math.log(uniform(state)) / rate, interpolate(table, row, share, LONGEST)
        step = min(free, longest, length - path)
        loss = interpolate(table, row, share, LOSS) * step
        loss += normals(state)[0] * math.sqrt(interpolate(table, row, share, STRAGGLING) * step)
        loss = min(max(loss, 0.0), energy)
        hinge = uniform(state) * step
        x, y, z = x + hinge * dx, y + hinge * dy, z + hinge * dz
        add_deposit(memory, x, y, z, loss, loss * interpolate(table, row, share, CHARGE), origin)
        dx, dy, dz = apply_soft_scatters(state, dx, dy, dz, interpolate(table, row, share, TRANSPORT) * step)
        rest = step - hinge
        x, y, z = x + rest * dx, y + rest * dy, z + rest * dz
        energy, path = energy - loss, path + step
        if step < free or energy <= STOP:
            continue
        process = uniform(state) * rate
        if process < delta:
            energy, dx, dy, dz = make_delta_electron(memory, tables, energy, x, y, z, dx, dy, dz, origin)
        elif process < delta + photon:
            lost = radiate_photon(memory, energy, x, y, z, dx, dy, dz, origin)
            energy, radiated = energy - lost, radiated + lost
        else:
            dx, dy, dz = apply_hard_scatter(state, table, row, share, energy, dx, dy, dz)
    if path < length and energy > 0.0:
        stop_particle(memory, tables, kind, energy, x, y, z, origin)
        energy = 0.0
    return path, radiated, x, y, z, dx, dy, dz, energy


@numba.njit
def apply_soft_scatters(state, dx, dy, dz, mean):  # type: ignore[no-untyped-def]
    """Return a direction after many small scatters; their 1 - cos theta is exponential with this mean, cut at 2."""
    half = max(0.5 * (1.0 - math.exp(-mean)), 1e-12)
    turn = -half * math.log(1.0 - uniform(state) * (1.0 - math.exp(-1.0 / half)))
    return rotate(dx, dy, dz, 1.0 - 2.0 * min(turn, 1.0), 2.0 * math.pi * uniform(state))


@numba.njit
def apply_hard_scatter(state, table, row, share, energy, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Return a direction after one scatter: 1/(m + A)^2 above the cut, accepted with Mott's factor 1 - beta^2 m."""
    a, cut = interpolate(table, row, share, SCREENING), interpolate(table, row, share, CUT)
    low, high = 1.0 / (cut + a), 1.0 / (1.0 + a)
    turn = 1.0 / (low + uniform(state) * (high - low)) - a
    gamma = 1.0 + energy / MASS
    if uniform(state) > 1.0 - (1.0 - 1.0 / (gamma * gamma)) * turn:
        return dx, dy, dz
    return rotate(dx, dy, dz, 1.0 - 2.0 * min(max(turn, 0.0), 1.0), 2.0 * math.pi * uniform(state))


@numba.njit
def draw_delta_energy(state, energy):  # type: ignore[no-untyped-def]
    """Return the energy of a delta electron above the cut [MeV]: 1/W^2, accepted with the rest of Moller's formula."""
    t = energy / MASS
    a, b = (t / (t + 1.0)) ** 2, (2.0 * t + 1.0) / (t + 1.0) ** 2
    low = COLLISION_CUT / energy
    while True:
        e = low / (1.0 - uniform(state) * (1.0 - 2.0 * low))
        rest = 1.0 - e
        if uniform(state) * (2.0 + 0.25 * a) < 1.0 + (e / rest) ** 2 + a * e * e - b * e / rest:
            return e * energy


@numba.njit
def make_delta_electron(memory, tables, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Make a delta electron; return energy and direction of the electron that goes on.

    One below `STOP` stays where it is and deflects nothing: the factor Z (Z + 1) of the scattering accounts for it.
    """
    state = memory.state
    w = draw_delta_energy(state, energy)
    if w < STOP:
        stop_particle(memory, tables, ELECTRON, w, x, y, z, origin)
        return energy - w, dx, dy, dz
    angle, left = 2.0 * math.pi * uniform(state), energy - w
    scale = (energy + 2.0 * MASS) / energy
    cosine = math.sqrt(w * scale / (w + 2.0 * MASS))
    ex, ey, ez = rotate(dx, dy, dz, min(cosine, 1.0), angle)
    push_particle(memory, ELECTRON, w, x, y, z, ex, ey, ez, origin)
    cosine = math.sqrt(left * scale / (left + 2.0 * MASS))
    dx, dy, dz = rotate(dx, dy, dz, min(cosine, 1.0), angle + math.pi)
    return left, dx, dy, dz


@numba.njit
def radiate_photon(memory, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Make a photon at an angle of about m/E to the electron, whose direction stays; return its energy [MeV].

    Photons of the first origin, the main track, are origins of their own.
    """
    state, total = memory.state, energy + MASS
    highest = photon_spectrum(0.0, total)
    while True:
        k = RADIATION_CUT * (energy / RADIATION_CUT) ** uniform(state)
        if uniform(state) * highest < photon_spectrum(k / total, total):
            break
    gamma = total / MASS
    cosine = draw_boosted_cosine(state, math.sqrt(1.0 - 1.0 / (gamma * gamma)))
    px, py, pz = rotate(dx, dy, dz, cosine, 2.0 * math.pi * uniform(state))
    source = add_origin(memory, PHOTON, k, x, y, z, px, py, pz) if origin == 0 else origin
    push_particle(memory, PHOTON, k, x, y, z, px, py, pz, source)
    return k
