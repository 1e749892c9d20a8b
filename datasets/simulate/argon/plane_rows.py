"""Rows of plane images, one cluster each: the compiled loop over events. Imported with numba."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from datasets.simulate.argon.clusters import expose, locate, momentum, pick_photon, pure, take
from datasets.simulate.argon.compiled import entry
from datasets.simulate.argon.events import CHARGED, ELASTIC, decay, interact
from datasets.simulate.argon.photons import shower
from datasets.simulate.argon.readout import Electronics, Waveforms, waveforms
from datasets.simulate.argon.sources import Decays, Neutrinos
from datasets.simulate.argon.space import Space, begin, space
from datasets.simulate.argon.tables import Tables
from datasets.simulate.engine.compiled_random import uniform

HEIGHT = 128
"""Ticks of an image."""
MARGIN_CHANNELS, MARGIN_TICKS = 24, 100
"""So much more of the detector is read out on each side of an image: the window may move."""
REACH = 60.0
"""Photons are followed so far from the vertex [cm]."""
SPREAD = 100.0
"""Vertices lie within this in y' and z' [cm]."""
MOST = 2000
"""Attempts at a row; what some share of events fails is counted, what all fail is an error."""

MAIN, PHOTON_CLUSTER, DECAY = 0, 1, 2
"""What a row shows: the electron of a neutrino, a photon of its event, a radioactive decay."""


class Setup(NamedTuple):
    """What rows depend on beside random numbers; shares are of all rows, of the background, of all neutrinos."""

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
    """Filled row by row: images (3, N, HEIGHT, width), metadata (N, 14), neutrino momentum (N, 3), attempts (N,)."""

    images: Any
    metadata: Any
    neutrino: Any
    attempts: Any


def rows(count: int, width: int) -> Rows:
    """Return empty arrays for so many rows."""
    images = np.empty((3, count, HEIGHT, width), np.float32)
    return Rows(images, np.zeros((count, 14), np.float32), np.zeros((count, 3), np.float32), np.zeros(count, np.int64))


def memory(width: int) -> tuple[Space, Waveforms]:
    """Return what one thread works in."""
    return space(), waveforms(width + 2 * MARGIN_CHANNELS, HEIGHT + 2 * MARGIN_TICKS)


@numba.njit
def make(space, setup, kind, interaction, position):  # type: ignore[no-untyped-def]
    """Make an event at a position; return the origin that is to be seen, -1 if there is none, and the neutrino."""
    x, y, z = position
    begin(space, x, y, z, REACH)
    nx, ny, nz, origin = 0.0, 0.0, 0.0, 0
    if kind == DECAY:
        decay(space, setup.decays, x, y, z)
    else:
        nx, ny, nz = interact(space, setup.neutrinos, interaction, x, y, z)
    shower(space, setup.tables)
    if kind == PHOTON_CLUSTER:
        origin = pick_photon(space)
    return origin, nx, ny, nz


@numba.njit
def vertex(state, low, high):  # type: ignore[no-untyped-def]
    """Return a position [cm] at a drift distance between low and high."""
    x = low + uniform(state) * (high - low)
    return x, SPREAD * (2.0 * uniform(state) - 1.0), SPREAD * (2.0 * uniform(state) - 1.0)


@numba.njit
def fill_row(row, space, forms, setup, rows, middles):  # type: ignore[no-untyped-def]
    """Fill one row, trying until a cluster is seen in all planes that makes most of the charge in its window."""
    state, width = space.state, rows.images.shape[3]
    kind = MAIN
    if uniform(state) < setup.background:
        kind = DECAY if uniform(state) < setup.radiological else PHOTON_CLUSTER
    interaction = ELASTIC if uniform(state) < setup.elastic else CHARGED
    for attempt in range(1, MOST + 1):
        position = vertex(state, setup.drift_low, setup.drift_high)
        origin, nx, ny, nz = make(space, setup, kind, interaction, position)
        if origin < 0 or not expose(space, setup.electronics, forms, origin, middles):
            continue
        if not locate(forms, middles, width, HEIGHT):
            continue
        if pure(space, setup.electronics, origin, middles, width, HEIGHT):
            energy = take(forms, middles, rows.images[:, row])
            describe(rows.metadata[row], space.origins[origin], kind, interaction, energy)
            rows.neutrino[row, 0], rows.neutrino[row, 1], rows.neutrino[row, 2] = nx * 1e-3, ny * 1e-3, nz * 1e-3
            rows.attempts[row] = attempt
            return


@numba.njit
def describe(metadata, origin, kind, interaction, energy):  # type: ignore[no-untyped-def]
    """Set what is known of a row; event number and match_id are set later."""
    px, py, pz, total = momentum(origin)
    metadata[1], metadata[2] = kind != DECAY, kind == MAIN
    metadata[3] = kind != DECAY and interaction == ELASTIC
    metadata[4], metadata[5], metadata[6] = origin[1], origin[2], origin[3]
    metadata[7], metadata[8], metadata[9] = px, py, pz
    metadata[10], metadata[11], metadata[12] = energy, total, 2


def _entry(stamp: int) -> Any:
    def fill(first, last, seeds, space, forms, setup, rows):  # type: ignore[no-untyped-def]
        middles = np.zeros((3, 2))
        for row in range(first, last if stamp else first):
            space.state[0] = seeds[row]
            fill_row(row, space, forms, setup, rows, middles)

    return fill


fill = entry(_entry)
"""fill(first, last, seeds, space, forms, setup, rows): fill rows first to last - 1."""
