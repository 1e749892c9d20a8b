"""The true particle of each cluster, in the metadata of cluster images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.detector import to_canonical
from datasets.argon.plane_layouts import LAYOUTS
from datasets.primitives.clusters import Clusters
from datasets.primitives.files import Primitives

COLUMNS = 18
ADC_PER_MEV = (900.0, 900.0, 3600.0)
"""Approximate calibration of U, V, X: cluster energies are sums divided by it."""
ELECTRON = 11
NEUTRINOS = (12, 14, 16)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Particle:
    """A primary particle; `row` is its row in mcparticles, -1 for none."""

    row: int
    energy: float


def describe_clusters(
    primitives: Primitives, clusters: Clusters, ids: NDArray[np.int64], face: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the metadata (N, 18) of clusters, vectors in the canonical frame, and their faces, (N,).

    The particle of a cluster is the one that left most energy in it; the main track of an event is, on each plane, the
    cluster in which the electron left most. Where nothing is known, momentum and energy are 0. U and V clusters without
    an X cluster get the face of the truth, -1 where there is none.
    """
    layout, table = LAYOUTS[COLUMNS], np.zeros((len(clusters), COLUMNS))
    table[:, layout["event"]] = numbers(primitives.events)[clusters.event]
    table[:, layout["cluster_energy"]] = clusters.charge / np.array(ADC_PER_MEV)[clusters.plane]
    table[:, layout["plane"]], table[:, layout["match_id"]] = clusters.plane, ids
    face = np.where(face < 0, true_faces(primitives, clusters), face)
    if primitives.truth:
        fill_truth(table, layout, primitives, clusters, face)
    return table, face


def numbers(events: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the events' own numbers, or where these repeat or do not fit float32 their places in the file."""
    own = events[:, 2]
    return own if len(np.unique(own)) == len(own) and own.max(initial=0) < 2**24 else np.arange(len(own))


def fill_truth(table: Floats, layout: Any, primitives: Primitives, clusters: Clusters, face: NDArray[np.int64]) -> None:
    """Fill the columns of the table (N, 18) that follow from the true particles."""
    particles = primitives.truth["mcparticles"]
    momentum = np.stack([particles[f"p{a}"] for a in "xyz"], axis=-1)
    position = np.stack([particles[a] for a in "xyz"], axis=-1)
    elastic, neutrino, marley = classify_events(primitives)
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for i, members in enumerate(clusters.members):
        event = int(clusters.event[i])
        if face[i] < 0:
            continue
        side = (clusters.apa[i], face[i])
        made_by, electron = main_particle(primitives, members, event)
        if made_by.row < 0:
            continue
        row = made_by.row
        table[i, layout["is_marley"]] = (event, int(particles["truth_block_id"][row])) in marley
        table[i, layout["is_es"]] = event in elastic
        table[i, layout["position"] : layout["position"] + 3] = to_canonical(position[row], *side)
        table[i, layout["momentum"] : layout["momentum"] + 3] = to_canonical(momentum[row], *side)
        table[i, layout["energy"]] = 1e3 * particles["energy"][row]
        if event in neutrino:
            energy, vector = neutrino[event]
            table[i, layout["neutrino_energy"]] = 1e3 * energy
            table[i, layout["neutrino_momentum"] : layout["neutrino_momentum"] + 3] = to_canonical(vector, *side)
        place = (event, int(clusters.plane[i]))
        best[place] = max(best.get(place, (0.0, -1)), (electron, i))
    for _, i in best.values():
        if i >= 0:
            table[i, layout["is_main_track"]] = 1


def main_particle(primitives: Primitives, members: NDArray[np.int64], event: int) -> tuple[Particle, float]:
    """Return the particle that left most energy in a cluster, and how much the electron left [MeV]."""
    tracks, edep = np.abs(primitives.track[members]), primitives.edep[members]
    left = {int(t): float(edep[tracks == t].sum()) for t in np.unique(tracks[edep > 0])}
    particles = primitives.truth["mcparticles"]
    rows = {}
    for track in left:
        row = np.flatnonzero((particles["event"] == event) & (particles["g4_track_id"] == track))
        if len(row):
            rows[track] = int(row[0])
    if not rows:
        return Particle(-1, 0.0), 0.0
    chief = max(rows, key=lambda track: left[track])
    electron = sum(left[t] for t, row in rows.items() if particles["pdg"][row] == ELECTRON)
    return Particle(rows[chief], left[chief]), electron


def classify_events(primitives: Primitives) -> tuple[set[int], dict[int, tuple[float, Floats]], set[tuple[int, int]]]:
    """Return which events are elastic scatters, their neutrinos' energy and momentum [GeV], and marley's blocks.

    mcneutrinos does not tell scatters on electrons from charged currents; that an electron was the target does.
    """
    truth = primitives.truth["mctruths"]
    incoming = truth["status_code"] == 0
    elastic = set(truth["event"][incoming & (truth["pdg"] == ELECTRON)].tolist())
    neutrino = {}
    for row in np.flatnonzero(incoming & np.isin(np.abs(truth["pdg"]), NEUTRINOS)):
        vector = np.array([truth[f"p{a}"][row] for a in "xyz"])
        neutrino[int(truth["event"][row])] = (float(truth["energy"][row]), vector)
    made = np.array([str(name) == "marley" for name in truth["generator_name"]], bool)
    marley = {(int(e), int(b)) for e, b in zip(truth["event"][made], truth["block_id"][made], strict=True)}
    return elastic, neutrino, marley


def true_faces(primitives: Primitives, clusters: Clusters) -> NDArray[np.int64]:
    """Return the side from which most of the energy came, -1 where nothing is known."""
    found = np.full(len(clusters), -1)
    for i, members in enumerate(clusters.members):
        edep = primitives.edep[members]
        if edep.sum() > 0:
            found[i] = int((edep * np.sign(primitives.x[members])).sum() > 0)
    return found
