"""Single particles in unlimited argon, without a detector: what the simulation is tested with. Imported with numba."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.simulate.argon.electrons import follow_electron
from datasets.simulate.argon.event_memory import PHOTON, SOURCES, add_origin, begin_event, event_memory
from datasets.simulate.argon.photons import follow_photon, follow_shower
from datasets.simulate.argon.tables import Recombination, build_tables
from datasets.simulate.engine.compiled import compile_entry

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
    memory, summary = event_memory(), np.zeros((count, 9))
    offsets, parts = np.zeros(count + 1, np.int64), []
    for i in range(count):
        arguments = (kind, float(energy[i]), seeds[i], length, reach, memory, build_tables(recombination))
        deposits = _throw_one(*arguments, summary[i])
        parts.append((memory.deposits[:deposits].copy(), memory.source[:deposits].copy()))
        offsets[i + 1] = offsets[i] + deposits
    rows, source = (np.concatenate(part) for part in zip(*parts, strict=True))
    path, radiated, left = summary[:, 0], summary[:, 1], summary[:, 8]
    end, direction = summary[:, 2:5], summary[:, 5:8]
    return Thrown(path, radiated, end, direction, left, offsets, rows[:, :3], rows[:, 3], rows[:, 4], source)


def _with_digest(digest: int) -> Any:
    def throw_one(kind, energy, seed, length, reach, memory, tables, summary):  # type: ignore[no-untyped-def]
        begin_event(memory, 0.0, 0.0, 0.0, reach)
        memory.state[0] = seed
        # Not the constant 0, for which numba would compile everything once more.
        origin = add_origin(memory, kind, energy, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
        if kind == PHOTON:
            follow_photon(memory, tables, energy, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, origin)
        else:
            result = follow_electron(memory, tables, kind, energy, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, origin, length)
            for i in range(9):
                summary[i] = result[i]
        follow_shower(memory, tables)
        return memory.used[1] if digest else 0

    return throw_one


_throw_one = compile_entry(_with_digest, SOURCES)
