"""Rows of plane images, one cluster each: the compiled loop over events. Imported with numba."""

from typing import Any, NamedTuple

import numba
import numpy as np

from datasets.simulate.argon.event_memory import (
    KIND,
    PHOTON,
    SOURCES,
    VISIBLE,
    EventMemory,
    begin_event,
    event_memory,
    origin_momentum,
)
from datasets.simulate.argon.events import CHARGED, ELASTIC, make_decay, make_interaction
from datasets.simulate.argon.options import Electronics
from datasets.simulate.argon.photons import follow_shower
from datasets.simulate.argon.primitives import ADC_PER_MEV, center_windows, draw_primitives, first_pixel, read_out
from datasets.simulate.argon.sources import Decays, Neutrinos
from datasets.simulate.argon.tables import Tables
from datasets.simulate.argon.waveforms import Waveforms, empty_waveforms
from datasets.simulate.engine.compiled import compile_entry, uniform

HEIGHT = 128
"""Ticks of an image."""
MARGIN_CHANNELS, MARGIN_TICKS = 24, 100
"""So much more of the detector is read out on each side of an image, because the window may move."""
REACH = 60.0
"""Photons are followed within this distance of the vertex [cm]."""
SPREAD = 100.0
"""Vertices lie within this in y' and z' [cm]."""
MAX_ATTEMPTS = 2000
"""Attempts at a row: events that are not seen are counted, and it is an error when none is seen."""

MIN_VISIBLE = 0.3
"""Photons that leave less energy are no clusters [MeV]."""
PURITY = 0.5
"""A window belongs to the origin of more than this share of the charge that X sees in it."""

MAIN, PHOTON_CLUSTER, DECAY = 0, 1, 2
"""What a row shows: the electron of a neutrino, a photon of its event, a radioactive decay."""


class Setup(NamedTuple):
    """What rows depend on, except random numbers; shares are of all rows, of the background, of all neutrinos."""

    neutrinos: Neutrinos
    decays: Decays
    electronics: Electronics
    tables: Tables
    background: float
    radiological: float
    elastic: float
    drift_low: float
    drift_high: float


class Rows(NamedTuple):
    """N rows: images (3, N, HEIGHT, width), metadata (N, 14), neutrino momentum (N, 3), attempts (N,)."""

    images: Any
    metadata: Any
    neutrino: Any
    attempts: Any


def empty_rows(count: int, width: int) -> Rows:
    """Return empty arrays for so many rows."""
    images = np.empty((3, count, HEIGHT, width), np.float32)
    return Rows(images, np.zeros((count, 14), np.float32), np.zeros((count, 3), np.float32), np.zeros(count, np.int64))


def thread_memory(width: int) -> tuple[EventMemory, Waveforms]:
    """Return the memory that one thread works in."""
    return event_memory(), empty_waveforms(width + 2 * MARGIN_CHANNELS, HEIGHT + 2 * MARGIN_TICKS)


@numba.njit
def make_event(memory, setup, kind, interaction, position):  # type: ignore[no-untyped-def]
    """Make an event at a position; return the origin to be seen, -1 if there is none, and the neutrino's momentum."""
    x, y, z = position
    begin_event(memory, x, y, z, REACH)
    nx, ny, nz, origin = 0.0, 0.0, 0.0, 0
    if kind == DECAY:
        make_decay(memory, setup.decays, x, y, z)
    else:
        nx, ny, nz = make_interaction(memory, setup.neutrinos, interaction, x, y, z)
    follow_shower(memory, setup.tables)
    if kind == PHOTON_CLUSTER:
        origin = pick_photon(memory)
    return origin, nx, ny, nz


@numba.njit
def draw_vertex(state, low, high):  # type: ignore[no-untyped-def]
    """Return a position [cm] at a drift distance between low and high."""
    x = low + uniform(state) * (high - low)
    return x, SPREAD * (2.0 * uniform(state) - 1.0), SPREAD * (2.0 * uniform(state) - 1.0)


@numba.njit
def fill_row(row, memory, waveforms, setup, rows, centers):  # type: ignore[no-untyped-def]
    """Fill one row: events are tried until all planes see a cluster that makes most of the charge in its window."""
    state, width = memory.state, rows.images.shape[3]
    kind = MAIN
    if uniform(state) < setup.background:
        kind = DECAY if uniform(state) < setup.radiological else PHOTON_CLUSTER
    interaction = ELASTIC if uniform(state) < setup.elastic else CHARGED
    for attempt in range(1, MAX_ATTEMPTS + 1):
        position = draw_vertex(state, setup.drift_low, setup.drift_high)
        origin, nx, ny, nz = make_event(memory, setup, kind, interaction, position)
        if origin < 0 or not read_out(memory, setup.electronics, waveforms, origin, centers):
            continue
        if not center_windows(waveforms, centers, width, HEIGHT):
            continue
        if is_pure(memory, setup.electronics, origin, centers, width, HEIGHT):
            energy = draw_cluster(waveforms, centers, rows.images[:, row])
            describe_row(rows.metadata[row], memory.origins[origin], kind, interaction, energy)
            rows.neutrino[row, 0], rows.neutrino[row, 1], rows.neutrino[row, 2] = nx * 1e-3, ny * 1e-3, nz * 1e-3
            rows.attempts[row] = attempt
            return


@numba.njit
def pick_photon(memory):  # type: ignore[no-untyped-def]
    """Return the origin of a visible photon of the event, all with equal probability; -1 when there is none."""
    visible, chosen = 0, -1
    for i in range(1, memory.used[2]):
        if memory.origins[i, KIND] == PHOTON and memory.origins[i, VISIBLE] > MIN_VISIBLE:
            visible += 1
            if uniform(memory.state) * visible < 1.0:
                chosen = i
    return chosen


@numba.njit
def is_pure(memory, electronics, origin, centers, width, height):  # type: ignore[no-untyped-def]
    """Return whether more than half of the charge in the window on X comes from this origin."""
    own, total = 0.0, 0.0
    for n in range(memory.used[1]):
        row = memory.deposits[n]
        channel = electronics.projection[2, 1] * row[1] + electronics.projection[2, 2] * row[2]
        tick = electronics.projection[3, 0] * row[0]
        if abs(channel - centers[2, 0]) <= 0.5 * width and abs(tick - centers[2, 1]) <= 0.5 * height:
            total += row[4]
            if memory.source[n] == origin:
                own += row[4]
    return own > PURITY * total


@numba.njit
def draw_cluster(waveforms, centers, images):  # type: ignore[no-untyped-def]
    """Draw the windows of U, V and X into images (ticks, channels); return the energy on X [MeV]."""
    for plane in range(3):
        image = images[plane]
        channel, tick = first_pixel(centers[plane, 0], image.shape[1]), first_pixel(centers[plane, 1], image.shape[0])
        image[:, :] = 0.0
        draw_primitives(waveforms.primitives, waveforms.found[0], plane, channel, tick, image)
    return images[2].sum() / ADC_PER_MEV


@numba.njit
def describe_row(metadata, origin, kind, interaction, energy):  # type: ignore[no-untyped-def]
    """Set the metadata of a row, except event number and match_id."""
    px, py, pz, total = origin_momentum(origin)
    metadata[1], metadata[2] = kind != DECAY, kind == MAIN
    metadata[3] = kind != DECAY and interaction == ELASTIC
    metadata[4], metadata[5], metadata[6] = origin[1], origin[2], origin[3]
    metadata[7], metadata[8], metadata[9] = px, py, pz
    metadata[10], metadata[11], metadata[12] = energy, total, 2


def _with_digest(digest: int) -> Any:
    def fill(first, last, seeds, memory, waveforms, setup, rows):  # type: ignore[no-untyped-def]
        centers = np.zeros((3, 2))
        for row in range(first, last if digest else first):
            memory.state[0] = seeds[row]
            fill_row(row, memory, waveforms, setup, rows, centers)

    return fill


fill = compile_entry(_with_digest, SOURCES)
"""fill(first, last, seeds, memory, waveforms, setup, rows): fill rows first to last - 1."""
