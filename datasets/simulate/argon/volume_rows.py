"""Pixels of a volume of argon around a main track: the compiled simulation of one event. Imported with numba."""

from typing import Any, NamedTuple

import numba
import numpy as np

from datasets.simulate.argon.event_memory import SOURCES, EventMemory, begin_event, event_memory, origin_momentum
from datasets.simulate.argon.events import CHARGED, ELASTIC, make_decay, make_interaction
from datasets.simulate.argon.options import Electronics
from datasets.simulate.argon.photons import follow_shower
from datasets.simulate.argon.plane_rows import HEIGHT, MAX_ATTEMPTS, draw_vertex
from datasets.simulate.argon.primitives import (
    ADC_PER_MEV,
    center_windows,
    first_pixel,
    group_primitives,
    read_out,
    triangle_height,
)
from datasets.simulate.argon.sources import Decays, Neutrinos
from datasets.simulate.argon.tables import Tables
from datasets.simulate.argon.waveforms import (
    CHANNEL,
    INTEGRAL,
    OVER,
    PLANE,
    START,
    TO_PEAK,
    Waveforms,
    empty_waveforms,
)
from datasets.simulate.engine.compiled import compile_entry, poisson, uniform

CHANNELS, TICKS = 208, 1242
"""Size of an image, 1 m x 1 m on X."""
MARGIN_CHANNELS, MARGIN_TICKS = 24, 100
"""So much more of the detector is read out on each side of an image."""
MAIN_WIDTH = 32
"""Channels of the window that is centered on the main track; the volume has the same center."""
REACH = 120.0
"""Photons are followed within this distance of the vertex [cm]."""
BOX = (58.0, 300.0, 290.0)
"""Decays are made within these distances of the vertex [cm]: all that wires crossing the volume see."""
MIN_CLUSTER = 0.5
"""Groups of primitives on X with less energy are not counted as clusters [MeV]."""
PIXELS = 1 << 16
"""Capacity for the pixels of an event."""

# Columns of `truth`.
CLUSTER_ENERGY, ENERGY, CLUSTERS, MOMENTUM, NEUTRINO, CENTERS, IS_ES = 0, 1, 2, 3, 6, 9, 15


class Setup(NamedTuple):
    """What an event depends on, except random numbers; `decays_mean` is the mean number of decays in the box."""

    neutrinos: Neutrinos
    decays: Decays
    electronics: Electronics
    tables: Tables
    decays_mean: float
    elastic: float
    drift_low: float
    drift_high: float


class Pixels(NamedTuple):
    """Pixels of one event: index (PIXELS, 3) = plane, row (channel), column (tick), and value; its truth (16,)."""

    index: Any
    value: Any
    truth: Any


def thread_memory() -> tuple[EventMemory, Waveforms, Pixels]:
    """Return the memory that one thread works in."""
    pixels = Pixels(np.zeros((PIXELS, 3), np.int16), np.zeros(PIXELS, np.float32), np.zeros(16))
    return event_memory(), empty_waveforms(CHANNELS + 2 * MARGIN_CHANNELS, TICKS + 2 * MARGIN_TICKS), pixels


@numba.njit
def make_event(memory, setup, interaction, position):  # type: ignore[no-untyped-def]
    """Make a neutrino interaction and decays around it; return the neutrino's momentum [MeV/c]."""
    x, y, z = position
    begin_event(memory, x, y, z, REACH)
    neutrino = make_interaction(memory, setup.neutrinos, interaction, x, y, z)
    state = memory.state
    for _ in range(int(poisson(state, setup.decays_mean))):
        a, b, c = (2.0 * uniform(state) - 1.0, 2.0 * uniform(state) - 1.0, 2.0 * uniform(state) - 1.0)
        make_decay(memory, setup.decays, x + BOX[0] * a, y + BOX[1] * b, z + BOX[2] * c)
    follow_shower(memory, setup.tables)
    return neutrino


@numba.njit
def fill_pixels(waveforms, centers, pixels):  # type: ignore[no-untyped-def]
    """Fill the pixels that primitives cover, each at most once; return their number."""
    count = 0
    for i in range(waveforms.found[0]):
        item = waveforms.primitives[i]
        plane = int(item[PLANE])
        row = int(item[CHANNEL]) - first_pixel(centers[plane, 0], CHANNELS)
        column = int(item[START]) - first_pixel(centers[plane, 1], TICKS)
        if row < 0 or row >= CHANNELS:
            continue
        over, peak = int(item[OVER]), int(item[TO_PEAK])
        scale = 2.0 * item[INTEGRAL] / (over + 1.0)
        for sample in range(max(0, -column), min(over, TICKS - column, PIXELS - count)):
            pixels.index[count, 0], pixels.index[count, 1] = plane, row
            pixels.index[count, 2] = column + sample
            pixels.value[count] = scale * triangle_height(sample, peak, over)
            count += 1
    return count


@numba.njit
def count_clusters(waveforms, centers):  # type: ignore[no-untyped-def]
    """Return the number of clusters on X in the volume, and the energy of the one in its center [MeV]."""
    number, total = group_primitives(waveforms.primitives, waveforms.found[0], 2), np.zeros(waveforms.found[0])
    own, nearest = -1, np.inf
    for i in range(waveforms.found[0]):
        item = waveforms.primitives[i]
        channel = abs(item[CHANNEL] - centers[2, 0])
        tick = abs(item[START] + item[TO_PEAK] - centers[2, 1])
        if number[i] >= 0 and channel <= 0.5 * CHANNELS and tick <= 0.5 * TICKS:
            total[number[i]] += item[INTEGRAL] / ADC_PER_MEV
            distance = (channel * 6.0) ** 2 + tick**2  # a channel is as wide as 6 ticks
            if distance < nearest:
                own, nearest = number[i], distance
    clusters = 0
    for energy in total:
        clusters += energy > MIN_CLUSTER
    return clusters, total[own]


@numba.njit
def describe_event(memory, waveforms, centers, neutrino, interaction, truth):  # type: ignore[no-untyped-def]
    """Set the truth of an event, columns as above."""
    truth[CLUSTERS], truth[CLUSTER_ENERGY] = count_clusters(waveforms, centers)
    px, py, pz, total = origin_momentum(memory.origins[0])
    truth[MOMENTUM], truth[MOMENTUM + 1], truth[MOMENTUM + 2], truth[ENERGY] = px, py, pz, total * 1e-3
    for i in range(3):
        truth[NEUTRINO + i] = neutrino[i] * 1e-3
        truth[CENTERS + i], truth[CENTERS + 3 + i] = centers[i, 0], centers[i, 1]
    truth[IS_ES] = interaction == ELASTIC


def _with_digest(digest: int) -> Any:
    def fill_event(seed, memory, waveforms, setup, pixels):  # type: ignore[no-untyped-def]
        state, centers = memory.state, np.zeros((3, 2))
        state[0] = seed
        interaction = ELASTIC if uniform(state) < setup.elastic else CHARGED
        for attempt in range(1, MAX_ATTEMPTS + 1 if digest else 1):
            neutrino = make_event(memory, setup, interaction, draw_vertex(state, setup.drift_low, setup.drift_high))
            seen = read_out(memory, setup.electronics, waveforms, 0, centers)
            if seen and center_windows(waveforms, centers, MAIN_WIDTH, HEIGHT):
                describe_event(memory, waveforms, centers, neutrino, interaction, pixels.truth)
                return attempt, fill_pixels(waveforms, centers, pixels)
        return 0, 0

    return fill_event


fill_event = compile_entry(_with_digest, SOURCES)
"""fill_event(seed, memory, waveforms, setup, pixels): fill one event's pixels; return attempts and number of pixels."""
