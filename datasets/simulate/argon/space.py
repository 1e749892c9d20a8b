"""Memory of one event: particles that wait, deposits of energy, and the origins that deposits are traced to.

Compiled code takes a `Space`, one for each thread, and uses it again for every event.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WAITING, DEPOSITS, ORIGINS = 2048, 1 << 16, 1024
"""Capacities. A 100 MeV electron makes about 1,000 deposits, a volume with decays of argon-39 some thousand."""

PHOTON, ELECTRON, POSITRON = 0, 1, 2
"""Kinds of particles."""
# Columns of `waiting`: kinetic energy [MeV], position [cm] 1-3, direction 4-6, then these.
KIND, ORIGIN = 7, 8
# Columns of `origins`: kinetic energy, start [cm] 1-3 (of photons the first interaction), direction 4-6, kind, and:
VISIBLE = 8
"""Energy deposited by an origin and what comes of it [MeV]."""


class Space(NamedTuple):
    """Arrays for one event, and how much of them is used.

    Attributes:
        used: (3,) how many particles wait, deposits and origins there are.
        waiting: (WAITING, 9).
        deposits: (DEPOSITS, 5): position x', y', z' [cm], energy [MeV], charge [MeV of a minimum-ionising particle].
        source: (DEPOSITS,) int32: the origin of each deposit.
        origins: (ORIGINS, 9).
        state: (1,) uint64, of the random numbers.
        limits: (4,): where photons are given up: middle [cm] and distance from it [cm].
    """

    used: NDArray[np.int64]
    waiting: Floats
    deposits: Floats
    source: NDArray[np.int32]
    origins: Floats
    state: NDArray[np.uint64]
    limits: Floats


def space() -> Space:
    """Return empty memory."""
    return Space(
        np.zeros(3, np.int64),
        np.zeros((WAITING, 9)),
        np.zeros((DEPOSITS, 5)),
        np.zeros(DEPOSITS, np.int32),
        np.zeros((ORIGINS, 9)),
        np.zeros(1, np.uint64),
        np.zeros(4),
    )


@numba.njit
def begin(space, x, y, z, reach):  # type: ignore[no-untyped-def]
    """Forget the last event; photons will be followed to a distance `reach` [cm] from x, y, z [cm]."""
    space.used[:] = 0
    space.limits[0], space.limits[1], space.limits[2], space.limits[3] = x, y, z, reach


@numba.njit
def wait(space, kind, energy, x, y, z, dx, dy, dz, origin):  # type: ignore[no-untyped-def]
    """Let a particle wait; one too many is lost, which takes a shower of more than 1e5 MeV."""
    n = space.used[0]
    if n < WAITING:
        row = space.waiting[n]
        row[0], row[1], row[2], row[3] = energy, x, y, z
        row[4], row[5], row[6] = dx, dy, dz
        row[KIND], row[ORIGIN] = kind, origin
        space.used[0] = n + 1


@numba.njit
def new_origin(space, kind, energy, x, y, z, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Return the number of a new origin; when there are too many the last one goes on."""
    n = min(space.used[2], ORIGINS - 1)
    row = space.origins[n]
    row[0], row[1], row[2], row[3] = energy, x, y, z
    row[4], row[5], row[6] = dx, dy, dz
    row[KIND], row[VISIBLE] = kind, 0.0
    space.used[2] = n + 1
    return n


@numba.njit
def deposit(space, x, y, z, energy, charge, origin):  # type: ignore[no-untyped-def]
    """Add a deposit; with memory full it goes to the place of the last one, so that no energy is lost."""
    n = space.used[1]
    if n < DEPOSITS:
        row = space.deposits[n]
        row[0], row[1], row[2], row[3], row[4] = x, y, z, energy, charge
        space.source[n] = origin
        space.used[1] = n + 1
    else:
        space.deposits[n - 1, 3] += energy
        space.deposits[n - 1, 4] += charge
    space.origins[origin, VISIBLE] += energy
