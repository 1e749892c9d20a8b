"""Single particles in unlimited argon, without a detector: what the simulation is tested with. Imported with numba."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.simulate.argon.compiled import entry
from datasets.simulate.argon.electrons import follow
from datasets.simulate.argon.photons import fly, shower
from datasets.simulate.argon.space import PHOTON, begin, new_origin, space
from datasets.simulate.argon.tables import Recombination, tables

Floats = NDArray[np.float64]


class Thrown(NamedTuple):
    """N particles that started at the origin along x.

    Attributes:
        path: of the particle itself [cm], 0 for photons.
        radiated: energy it lost to photons above 50 keV [MeV].
        end: where it stopped or left the layer, (N, 3) [cm].
        direction: in which it flew there, (N, 3).
        left: energy it had there [MeV].
        offsets: deposits of particle i are offsets[i] to offsets[i + 1] - 1, (N + 1,).
        position: of the deposits, (M, 3) [cm].
        energy: of the deposits [MeV].
        charge: of the deposits [MeV of a minimum-ionising particle].
        source: 0 the particle and its delta electrons, else the photon that it comes from.
    """

    path: Floats
    radiated: Floats
    end: Floats
    direction: Floats
    left: Floats
    offsets: NDArray[np.int64]
    position: Floats
    energy: Floats
    charge: Floats
    source: NDArray[np.int32]


def throw(
    kind: int,
    energy: Floats,
    seed: int = 1,
    length: float = np.inf,
    reach: float = 1e4,
    recombination: Recombination = "modified_box",
) -> Thrown:
    """Throw particles of one kind with kinetic energies (N,) [MeV].

    Electrons are followed over a path of at most `length`, photons to a distance of `reach` [cm].
    """
    count = len(energy)
    seeds = np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)
    memory, summary = space(), np.zeros((count, 9))
    offsets, parts = np.zeros(count + 1, np.int64), []
    for i in range(count):
        arguments = (kind, float(energy[i]), seeds[i], length, reach, memory, tables(recombination))
        one = _throw_one(*arguments, summary[i])
        parts.append((memory.deposits[:one].copy(), memory.source[:one].copy()))
        offsets[i + 1] = offsets[i] + one
    rows, source = (np.concatenate(part) for part in zip(*parts, strict=True))
    path, radiated, left = summary[:, 0], summary[:, 1], summary[:, 8]
    end, direction = summary[:, 2:5], summary[:, 5:8]
    return Thrown(path, radiated, end, direction, left, offsets, rows[:, :3], rows[:, 3], rows[:, 4], source)


def _entry(stamp: int) -> Any:
    def throw_one(kind, energy, seed, length, reach, space, tables, summary):  # type: ignore[no-untyped-def]
        begin(space, 0.0, 0.0, 0.0, reach)
        space.state[0] = seed
        new_origin(space, kind, energy, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
        if kind == PHOTON:
            fly(space, tables, energy, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0)
        else:
            result = follow(space, tables, kind, energy, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0, length)
            for i in range(9):
                summary[i] = result[i]
        shower(space, tables)
        return space.used[1] if stamp else 0

    return throw_one


_throw_one = entry(_entry)
