"""Memory of one event: the stack of particles, deposits of energy, and the origins that deposits are traced to.

Compiled code takes an `EventMemory`, one for each thread, and reuses it for every event. Here are also the directions
that are drawn from its random numbers. Imported with numba.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from app.physics.argon.medium import ELECTRON_MASS as MASS
from datasets.simulate.engine.compiled import uniform

Floats = NDArray[np.float64]

SOURCES = (Path(__file__).parent, Path(__file__).parents[3] / "app" / "physics" / "argon")
"""Folders that the compiled code of argon comes from."""
STACK, DEPOSITS, ORIGINS = 2048, 1 << 16, 1024
"""Capacities. A 100 MeV electron makes about 1,000 deposits, a volume with decays of argon-39 several thousand."""

PHOTON, ELECTRON, POSITRON = np.arange(3)
"""Kinds of particles. numba compiles a function anew for each constant of Python that is passed, for NumPy's once."""
# Columns of `stack`: kinetic energy [MeV], position [cm] 1-3, direction 4-6, then these.
KIND, ORIGIN = 7, 8
# Columns of `origins`: kinetic energy, start [cm] 1-3 (of photons the first interaction), direction 4-6, KIND, then:
VISIBLE = 8
"""Energy deposited by an origin and its secondaries [MeV]."""


class EventMemory(NamedTuple):
    """Arrays for one event, and how much of them is used.

    Attributes:
        used: (3,) numbers of particles on the stack, deposits and origins.
        stack: (STACK, 9).
        deposits: (DEPOSITS, 5): position x', y', z' [cm], energy [MeV], charge [MeV of a minimum-ionising particle].
        source: (DEPOSITS,) int32: the origin of each deposit.
        origins: (ORIGINS, 9).
        state: (1,) uint64, of the random numbers.
        limits: (4,) the sphere beyond which photons are lost: center and radius [cm].
    """

    used: NDArray[np.int64]
    stack: Floats
    deposits: Floats
    source: NDArray[np.int32]
    origins: Floats
    state: NDArray[np.uint64]
    limits: Floats


def event_memory() -> EventMemory:
    """Return empty memory for the events of one thread."""
    return EventMemory(
        np.zeros(3, np.int64),
        np.zeros((STACK, 9)),
        np.zeros((DEPOSITS, 5)),
        np.zeros(DEPOSITS, np.int32),
        np.zeros((ORIGINS, 9)),
        np.zeros(1, np.uint64),
        np.zeros(4),
    )


@numba.njit
def begin_event(memory, x, y, z, reach):  # type: ignore[no-untyped-def]
    """Forget the last event; photons will be followed within a radius `reach` [cm] of x, y, z [cm]."""
    memory.used[:] = 0
    memory.limits[0], memory.limits[1], memory.limits[2], memory.limits[3] = x, y, z, reach


@numba.njit
def push_particle(memory, kind, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Push a particle onto the stack; it is lost when the stack is full, which takes a shower above 1e5 MeV."""
    n = memory.used[0]
    if n < STACK:
        row = memory.stack[n]
        row[0], row[1], row[2], row[3] = energy, x, y, z
        row[4], row[5], row[6] = dx, dy, dz
        row[KIND], row[ORIGIN] = kind, origin
        memory.used[0] = n + 1


@numba.njit
def add_origin(memory, kind, energy, x, y, z, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Return the number of a new origin; when memory is full the last one is overwritten."""
    n = min(memory.used[2], ORIGINS - 1)
    row = memory.origins[n]
    row[0], row[1], row[2], row[3] = energy, x, y, z
    row[4], row[5], row[6] = dx, dy, dz
    row[KIND], row[VISIBLE] = kind, 0.0
    memory.used[2] = n + 1
    return n


@numba.njit
def add_deposit(memory, x, y, z, energy, charge, origin):  # type: ignore[no-untyped-def]
    """Add a deposit; when memory is full it is added to the last one, so that no energy is lost."""
    n = memory.used[1]
    if n < DEPOSITS:
        row = memory.deposits[n]
        row[0], row[1], row[2], row[3], row[4] = x, y, z, energy, charge
        memory.source[n] = origin
        memory.used[1] = n + 1
    else:
        memory.deposits[n - 1, 3] += energy
        memory.deposits[n - 1, 4] += charge
    memory.origins[origin, VISIBLE] += energy


@numba.njit
def rotate(x, y, z, cosine, angle):  # type: ignore[no-untyped-def]
    """Return the unit vector x, y, z rotated by an angle with this cosine, towards the azimuth `angle` [rad]."""
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    u, v = sine * math.cos(angle), sine * math.sin(angle)
    across = math.sqrt(x * x + y * y)
    if across < 1e-6:
        return u, math.copysign(1.0, z) * v, math.copysign(1.0, z) * cosine
    # along z x d / |z x d| and its perpendicular
    a = cosine * x + (x * z * u - y * v) / across
    b = cosine * y + (y * z * u + x * v) / across
    c = cosine * z - across * u
    length = math.sqrt(a * a + b * b + c * c)  # otherwise rounding adds up over many steps
    return a / length, b / length, c / length


@numba.njit
def draw_direction(state):  # type: ignore[no-untyped-def]
    """Return a random unit vector."""
    cosine, angle = 2.0 * uniform(state) - 1.0, 2.0 * math.pi * uniform(state)
    sine = math.sqrt(1.0 - cosine * cosine)
    return sine * math.cos(angle), sine * math.sin(angle), cosine


@numba.njit
def draw_boosted_cosine(state, beta):  # type: ignore[no-untyped-def]
    """Return the cosine to the velocity `beta` of an emission that is isotropic in the moving frame."""
    cosine = 2.0 * uniform(state) - 1.0
    return (cosine + beta) / (1.0 + beta * cosine)


@numba.njit
def origin_momentum(origin):  # type: ignore[no-untyped-def]
    """Return an origin's momentum [GeV/c] and total energy [MeV]."""
    energy = origin[0]
    if origin[KIND] == PHOTON:
        p, total = energy, energy
    else:
        p, total = math.sqrt(energy * (energy + 2.0 * MASS)), energy + MASS
    p *= 1e-3
    return p * origin[4], p * origin[5], p * origin[6], total
