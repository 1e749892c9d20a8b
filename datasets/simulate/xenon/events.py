"""Simulated events of the calorimeter: the truth of a shard, and its readings computed by all processors."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.core.system import cores
from app.physics.xenon_calorimeter import FACES, R_INNER, SENSORS, to_uvw
from datasets.simulate.xenon.gammas import LIGHT_SPEED, Flight, Gammas, Showers, Target, draw_showers, emission_angles
from datasets.simulate.xenon.sensors import Quality, calorimeter_sensors, draw_channels

Floats = NDArray[np.float64]
Interval = tuple[float, float]

BLOCK = 250
"""Events that are computed, held in memory and written together: 9.5 MB of readings."""
TASK = 25
"""Events that one thread computes at a time."""
MAX_GAMMAS = 4
"""Gammas of an event, the main one included."""


class Light(NamedTuple):
    """Light in xenon: eV per photon, its relative spread, absorption and scattering length [cm], refractive index."""

    w_value: float
    spread: float
    absorption_length: float
    scattering_length: float
    refractive_index: float
    sources: int


class Clock(NamedTuple):
    """Smallest light that has a time [photons]; resolution of a sensor [s], constant and of one photoelectron."""

    threshold: float
    constant: float
    stochastic: float


class PileUp(NamedTuple):
    """Mean number of further gammas, their energies [GeV] and times [s]; share of events without any gamma."""

    mean: float
    energy: Interval
    time: Interval
    empty: float

    def draw_energies(self, random: np.random.Generator, count: int) -> Floats:
        """Return log-uniform energies [GeV]."""
        low, high = self.energy
        return low * np.exp(random.uniform(0.0, np.log(high / low), count))


class Truth(NamedTuple):
    """All gammas of a shard: those of event e are starts[e] to starts[e + 1] - 1, the main one first."""

    starts: NDArray[np.intp]
    gammas: Gammas
    tried: int


@dataclass(frozen=True)
class Setup:
    """Everything that events depend on, except the random numbers."""

    energy: Interval
    time: Interval
    target: Target
    attenuation_length: float
    light: Light
    quality: Quality
    clock: Clock
    pile_up: PileUp
    detector_seed: int

    def options(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            name: value._asdict() if hasattr(value, "_asdict") else value  # a NamedTuple would become a bare list
            for name, value in asdict(self).items()
        }

    def draw_truth(self, random: np.random.Generator, count: int) -> Truth:
        """Draw the gammas of `count` events; none where an event is empty, at most 4."""
        further = np.minimum(random.poisson(self.pile_up.mean, count), MAX_GAMMAS - 1)
        number = np.where(random.uniform(size=count) < self.pile_up.empty, 0, 1 + further)
        starts = np.concatenate([[0], np.cumsum(number)])
        first = np.zeros(starts[-1], bool)
        first[starts[:-1][number > 0]] = True
        energy, time = np.empty((2, len(first)))
        direction, point = np.empty((2, len(first), 3))
        tried = 0
        for chosen, fiducial in ((first, True), (~first, False)):
            flight = Flight(self.target, self.attenuation_length, fiducial)
            direction[chosen], point[chosen], shots = flight.draw(random, int(chosen.sum()))
            tried += shots if fiducial else 0
        main, others = int(first.sum()), int((~first).sum())
        energy[first], time[first] = random.uniform(*self.energy, main), random.uniform(*self.time, main)
        energy[~first] = self.pile_up.draw_energies(random, others)
        time[~first] = random.uniform(*self.pile_up.time, others)
        return Truth(starts, Gammas(energy, time, direction, point), tried)

    def draw_showers(self, random: np.random.Generator, gammas: Gammas) -> Showers:
        """Return the light sources of the gammas."""
        return draw_showers(random, gammas, self.light.sources, self.light.w_value, self.light.spread)


def truth_branches(truth: Truth) -> dict[str, NDArray[Any]]:
    """Return the truth of each event's main gamma; NaN where there is none."""
    number = np.diff(truth.starts)
    place = np.where(number > 0, truth.starts[:-1], -1)
    gammas = truth.gammas

    def main(values: Floats, kind: str = "f4") -> NDArray[Any]:
        padded = np.concatenate([values, np.full((1, *values.shape[1:]), np.nan)])
        return padded[place].astype(kind)

    return {
        "emiAng": main(emission_angles(gammas.direction)),
        "energyTruth": main(gammas.energy),
        "timeTruth": main(gammas.time, "f8"),
        "uvwTruth": main(to_uvw(gammas.point)),
        "emiVec": main(gammas.direction),
        "nGamma": number.astype("i4"),
    }


class Readout:
    """Computes readings, (N, 4760) photons and seconds, with as many threads as there are processors.

    Each event has random numbers of its own, so that the number of threads changes nothing.
    """

    def __init__(self, setup: Setup, truth: Truth, light: Showers, seeds: NDArray[np.uint64]) -> None:
        self.setup, self.truth, self.light, self.seeds = setup, truth, light, seeds

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of the compiled function, except the events."""
        light, setup = self.light, self.setup
        photons = light.photons.sum(axis=1)
        weight = light.photons / np.maximum(photons, 1e-12)[:, None]
        middle = (light.position * weight[..., None]).sum(axis=1)
        per_gamma = np.arange(len(photons) + 1) * light.photons.shape[1]
        gammas = (per_gamma, middle, photons, (light.time * weight).sum(axis=1))
        sources = (light.position.reshape(-1, 3), light.photons.ravel(), light.time.ravel())
        inverse = (1.0 / setup.light.absorption_length, 1.0 / setup.light.scattering_length)
        medium = (len(FACES["inner"]), R_INNER, *inverse, setup.light.refractive_index / LIGHT_SPEED)
        channels = draw_channels(setup.quality, setup.detector_seed)
        return (
            self.truth.starts,
            gammas,
            sources,
            calorimeter_sensors(),
            channels,
            medium,
            (*setup.clock, *setup.pile_up.time),
            self.seeds,
        )

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.float32]]]:
        """Yield (events, npho, times) in order; the next block is computed while the caller uses one."""
        edges = [*range(0, len(self.seeds), BLOCK), len(self.seeds)]
        # Compiled by a call without events: numba looks types up in tables that two threads must not fill at once.
        self._read(0, (0, 0), np.empty((2, 0, SENSORS), np.float32))
        waiting: deque[tuple[slice, Any, list[Future[None]]]] = deque()
        with ThreadPoolExecutor(cores()) as pool:
            for block in [*pairwise(edges), None]:
                if block:
                    first, last = block
                    readings = np.empty((2, last - first, SENSORS), np.float32)
                    tasks = [(start, min(start + TASK, last)) for start in range(first, last, TASK)]
                    futures = [pool.submit(self._read, first, task, readings) for task in tasks]
                    waiting.append((slice(first, last), readings, futures))
                if len(waiting) == (2 if block else 1):
                    here, readings, futures = waiting.popleft()
                    for future in futures:
                        future.result()
                    yield here, readings[0], readings[1]

    def _read(self, first: int, task: tuple[int, int], readings: Any) -> None:
        from datasets.simulate.xenon.light import read_events

        here = slice(task[0] - first, task[1] - first)
        read_events(*task, *self.arguments, *readings[:, here])
