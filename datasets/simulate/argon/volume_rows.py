"""Volumes of argon around a main track, sparse: the compiled making of one event. Imported with numba."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from datasets.simulate.argon.clusters import ADC_PER_MEV, expose, locate, momentum
from datasets.simulate.argon.compiled import entry
from datasets.simulate.argon.events import CHARGED, ELASTIC, decay, interact
from datasets.simulate.argon.photons import shower
from datasets.simulate.argon.plane_rows import HEIGHT, MOST, vertex
from datasets.simulate.argon.primitives import groups
from datasets.simulate.argon.readout import (
    CHANNEL,
    INTEGRAL,
    OVER,
    PLANE,
    START,
    TO_PEAK,
    Electronics,
    Waveforms,
    waveforms,
)
from datasets.simulate.argon.sources import Decays, Neutrinos
from datasets.simulate.argon.space import Space, begin, space
from datasets.simulate.argon.tables import Tables
from datasets.simulate.argon.windows import first_of, height_at
from datasets.simulate.engine.compiled_random import poisson, uniform

CHANNELS, TICKS = 208, 1242
"""1 m x 1 m on X."""
MARGIN_CHANNELS, MARGIN_TICKS = 24, 100
MAIN_WIDTH = 32
"""Channels of the window that is put on the main track first; the volume has the same middle."""
REACH = 120.0
"""Photons are followed so far from the vertex [cm]."""
BOX = (58.0, 300.0, 290.0)
"""Decays are made within these distances from the vertex [cm]: what any wire sees that crosses the volume."""
CLUSTER = 0.5
"""Groups of primitives on X with less are not counted as clusters [MeV]."""
PIXELS = 1 << 16

# Places in what is said about an event.
CLUSTER_ENERGY, ENERGY, CLUSTERS, MOMENTUM, NEUTRINO, MIDDLES, IS_ES = 0, 1, 2, 3, 6, 9, 15


class Setup(NamedTuple):
    """What an event depends on beside random numbers; `decays_mean` is how many decays the box has on average."""

    neutrinos: Neutrinos
    decays: Decays
    electronics: Electronics
    tables: Tables
    decays_mean: float
    elastic: float
    drift_low: float
    drift_high: float


class Pixels(NamedTuple):
    """Pixels of one event: plane, row (channel) and column (tick), (PIXELS, 3), value; and (16,) about the event."""

    place: Any
    value: Any
    about: Any


def memory() -> tuple[Space, Waveforms, Pixels]:
    """Return what one thread works in."""
    pixels = Pixels(np.zeros((PIXELS, 3), np.int16), np.zeros(PIXELS, np.float32), np.zeros(16))
    return space(), waveforms(CHANNELS + 2 * MARGIN_CHANNELS, TICKS + 2 * MARGIN_TICKS), pixels


@numba.njit
def make(space, setup, interaction, position):  # type: ignore[no-untyped-def]
    """Make a neutrino interaction among decays; return the neutrino's momentum [MeV/c]."""
    x, y, z = position
    begin(space, x, y, z, REACH)
    neutrino = interact(space, setup.neutrinos, interaction, x, y, z)
    state = space.state
    for _ in range(int(poisson(state, setup.decays_mean))):
        one, two, three = (2.0 * uniform(state) - 1.0, 2.0 * uniform(state) - 1.0, 2.0 * uniform(state) - 1.0)
        decay(space, setup.decays, x + BOX[0] * one, y + BOX[1] * two, z + BOX[2] * three)
    shower(space, setup.tables)
    return neutrino


@numba.njit
def emit(forms, middles, pixels):  # type: ignore[no-untyped-def]
    """Fill the pixels that primitives cover; return how many. No two of them are the same."""
    count = 0
    for i in range(forms.found[0]):
        item = forms.primitives[i]
        plane = int(item[PLANE])
        row = int(item[CHANNEL]) - first_of(middles[plane, 0], CHANNELS)
        column = int(item[START]) - first_of(middles[plane, 1], TICKS)
        if row < 0 or row >= CHANNELS:
            continue
        over, peak = int(item[OVER]), int(item[TO_PEAK])
        scale = 2.0 * item[INTEGRAL] / (over + 1.0)
        for sample in range(max(0, -column), min(over, TICKS - column, PIXELS - count)):
            pixels.place[count, 0], pixels.place[count, 1] = plane, row
            pixels.place[count, 2] = column + sample
            pixels.value[count] = scale * height_at(sample, peak, over)
            count += 1
    return count


@numba.njit
def count_clusters(forms, middles):  # type: ignore[no-untyped-def]
    """Return how many clusters X shows in the volume, and the energy of the one in its middle [MeV]."""
    number, total = groups(forms.primitives, forms.found[0], 2), np.zeros(forms.found[0])
    own, nearest = -1, np.inf
    for i in range(forms.found[0]):
        item = forms.primitives[i]
        channel = abs(item[CHANNEL] - middles[2, 0])
        tick = abs(item[START] + item[TO_PEAK] - middles[2, 1])
        if number[i] >= 0 and channel <= 0.5 * CHANNELS and tick <= 0.5 * TICKS:
            total[number[i]] += item[INTEGRAL] / ADC_PER_MEV
            distance = (channel * 6.0) ** 2 + tick**2  # a channel is as wide as 6 ticks
            if distance < nearest:
                own, nearest = number[i], distance
    clusters = 0
    for energy in total:
        clusters += energy > CLUSTER
    return clusters, total[own]


@numba.njit
def describe(space, forms, middles, neutrino, interaction, about):  # type: ignore[no-untyped-def]
    """Set what is known of an event, see the places above."""
    about[CLUSTERS], about[CLUSTER_ENERGY] = count_clusters(forms, middles)
    px, py, pz, total = momentum(space.origins[0])
    about[MOMENTUM], about[MOMENTUM + 1], about[MOMENTUM + 2], about[ENERGY] = px, py, pz, total * 1e-3
    for i in range(3):
        about[NEUTRINO + i] = neutrino[i] * 1e-3
        about[MIDDLES + i], about[MIDDLES + 3 + i] = middles[i, 0], middles[i, 1]
    about[IS_ES] = interaction == ELASTIC


def _entry(stamp: int) -> Any:
    def one(seed, space, forms, setup, pixels):  # type: ignore[no-untyped-def]
        state, middles = space.state, np.zeros((3, 2))
        state[0] = seed
        interaction = ELASTIC if uniform(state) < setup.elastic else CHARGED
        for attempt in range(1, MOST + 1 if stamp else 1):
            neutrino = make(space, setup, interaction, vertex(state, setup.drift_low, setup.drift_high))
            seen = expose(space, setup.electronics, forms, 0, middles)
            if seen and locate(forms, middles, MAIN_WIDTH, HEIGHT):
                describe(space, forms, middles, neutrino, interaction, pixels.about)
                return attempt, emit(forms, middles, pixels)
        return 0, 0

    return one


one = entry(_entry)
"""one(seed, space, forms, setup, pixels): fill the pixels of one event; return attempts and number of pixels."""
