"""Whole events of the muon spectrometer: muons, their hits and noise, each event from its own random numbers."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.system import cores
from app.physics.muon_spectrometer import SECTORS, STATIONS, Layer, field, layers
from datasets.simulate.engine.random_streams import Streams
from datasets.simulate.muons.flight import Chambers, Spectrometer
from datasets.simulate.muons.hits import LIGHT_SPEED, ChamberTracks, Columns, LayerHits, measure_hits, phi_reach
from datasets.simulate.muons.source import Calorimeter, Muons, Source

BLOCK = 1000
"""Events that one thread computes at a time, and that a basket of the file holds."""
MIN_MOMENTUM = 1.0
"""Muons that leave the calorimeter with less are treated as absorbed [GeV]."""
NOISE_TIME = 100.0
"""Noise is uniform in time from 0 to this [ns]."""
ORDER = ("channel", "layer", "technology", "stationPhi", "stationIndex")
"""Keys by which hits of an event are sorted, the last one first, so that noise is mixed with signal."""

Hits = tuple[NDArray[np.int64], Columns]


@dataclass(frozen=True)
class Setup:
    """Everything that an event depends on, except its key; the simulator explains the options."""

    source: Source
    calorimeter: Calorimeter
    field_scale: float
    station_thickness: float
    efficiency: float
    noise: float

    def options(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return asdict(self)

    def simulate(self, keys: NDArray[np.uint64]) -> tuple[Muons, Hits]:
        """Return the muons of events, and their hits: the row of the event and the branches of each hit."""
        events = Streams(keys)
        muons = self.source.draw(events.child(0))
        parts = [*self._signal(muons), *self._noise(events.child(1))]
        row = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
        columns = {name: np.concatenate([part[1][name] for part in parts]) for name in parts[0][1]} if parts else {}
        order = np.lexsort([*(columns[name] for name in ORDER), row]) if parts else row
        return muons, (row[order], {name: values[order] for name, values in columns.items()})

    def _signal(self, muons: Muons) -> Iterator[Hits]:
        entering = self.calorimeter.cross(muons)
        through = np.flatnonzero(entering.momentum > MIN_MOMENTUM)
        entering = type(entering)(*(values[..., through] for values in entering))
        streams = muons.streams.take(through)
        spectrometer = Spectrometer(field(self.field_scale), self.station_thickness, self.calorimeter.spread)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # lost tracks are not numbers
            tracks = ChamberTracks(spectrometer.propagate(entering, muons.charge[through], streams.child(2)))
            every_crossing = [tracks.cross(layer) for layer in layers()]
        for number, (layer, crossings) in enumerate(zip(layers(), every_crossing, strict=True)):
            random = streams.take(crossings.row).child(number + 3)
            kept = np.flatnonzero(random.uniform() < self.efficiency)
            hit = crossings.take(kept)
            chambers, muon = tracks.chambers.take(hit.row), through[hit.row]
            time, link = hit.path / LIGHT_SPEED, muons.number[muon]
            hits = LayerHits(hit.eta, hit.phi, hit.cosine, time, link, chambers, random.take(kept))
            yield muons.event[muon], measure_hits(layer, hits)

    def _noise(self, events: Streams) -> Iterator[Hits]:
        number = events.poisson(self.noise)
        event = np.repeat(np.arange(len(number)), number)
        index = np.arange(len(event)) - np.repeat(np.cumsum(number) - number, number)
        streams = events.take(event).child(index)
        chosen = np.floor(streams.uniform(0.0, len(layers()))).astype(np.int64)
        for place, layer in enumerate(layers()):
            rows = np.flatnonzero(chosen == place)
            yield event[rows], measure_hits(layer, draw_noise(layer, streams.take(rows)))


def draw_noise(layer: Layer, random: Streams) -> LayerHits:
    """Return crossings that are uniform along the layer, in a random sector and side."""
    sector = np.floor(random.uniform(1.0, SECTORS + 1.0)).astype(np.int64)
    side = np.where(random.uniform() < 0.5, -1.0, 1.0)
    eta = random.uniform(layer.low, layer.high) * (side if STATIONS[layer.station].barrel else 1.0)
    phi = random.uniform(-1.0, 1.0) * phi_reach(layer, np.abs(eta))
    link, time = np.full(len(eta), -1), random.uniform(0.0, NOISE_TIME)
    return LayerHits(eta, phi, np.ones_like(eta), time, link, Chambers.of(sector, side), random)


def simulate_blocks(setup: Setup, keys: NDArray[np.uint64]) -> Iterator[tuple[slice, Muons, Hits]]:
    """Yield (events, muons, hits) in order, computed by as many threads as there are processors."""
    edges = deque(pairwise([*range(0, len(keys), BLOCK), len(keys)]))
    threads = cores()
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Any] = deque()
        while edges or waiting:
            while edges and len(waiting) <= threads:
                here = slice(*edges.popleft())
                waiting.append((here, pool.submit(setup.simulate, keys[here])))
            here, result = waiting.popleft()
            yield here, *result.result()
