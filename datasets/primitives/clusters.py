"""Clusters of trigger primitives on each plane of an anode, and which of them are the same charge."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.physics.argon.detector import FACE_WIRES, OFFSET, PEAK_OFFSET, REVERSED, SIGNS, WRAP, X_OFFSET
from app.physics.argon.planes import PITCH, WIRE_ANGLE
from datasets.primitives.files import Primitives

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Clustering:
    """The definition of a cluster.

    Attributes:
        channels: largest distance between neighbouring primitives [channels].
        ticks: largest time from the end of one to the start of the next [ticks].
        least: smallest sum of a cluster [ADC]; a single primitive of noise stays below 340.
    """

    channels: int = 2
    ticks: float = 20.0
    least: float = 350.0


@dataclass(frozen=True)
class Clusters:
    """N clusters: all (N,), and the primitives of each.

    Attributes:
        event: number of the event.
        apa: anode.
        plane: 0, 1, 2 for U, V, X.
        face: face of X clusters, else -1.
        charge: sum [ADC].
        channel: charge-weighted mean of the numbers of the channels; on U and V those of a cluster at 799 and 0 go on.
        tick: charge-weighted mean of the peaks, on the clock of the files [ticks].
        drift: that time since the charge was set free [ticks], without the delays of the planes.
        extent: first and last such time, (N, 2).
        members: primitives of cluster i.
    """

    event: Integers
    apa: Integers
    plane: Integers
    face: Integers
    charge: Floats
    channel: Floats
    tick: Floats
    drift: Floats
    extent: Floats
    members: list[Integers]

    def __len__(self) -> int:
        return len(self.event)


def find_clusters(primitives: Primitives, how: Clustering) -> Clusters:
    """Return the clusters in the order of event, anode, plane, face and time.

    A primitive is an interval in time, so no metric of points fits: DBSCAN gets the graph of neighbours as `Clustering`
    defines them. Every primitive is a core: noise is recognised by its charge afterwards.

    References:
        M. Ester, H.-P. Kriegel, J. Sander, X. Xu, A density-based algorithm for discovering clusters in large spatial
        databases with noise, KDD-96.
    """
    order = np.lexsort((primitives.start, *group_columns(primitives)))
    labels = cluster_labels(len(primitives), *find_neighbours(primitives, order, how))
    by_label = np.argsort(labels, kind="stable")
    charge = np.bincount(labels, primitives.integral[order]) if len(order) else np.empty(0)
    parts = np.split(order[by_label], np.flatnonzero(np.diff(labels[by_label])) + 1)
    place = np.argsort(order)
    large = (part for part, total in zip(parts, charge, strict=False) if total >= how.least)
    members = sorted(large, key=lambda rows: int(place[rows[0]]))
    first = np.array([rows[0] for rows in members], np.intp)
    weights = [primitives.integral[rows] for rows in members]
    channel = [
        weighted_mean(unwrap_channels(primitives, rows, None), w) for rows, w in zip(members, weights, strict=True)
    ]
    peak = primitives.start + primitives.to_peak
    tick = np.array([weighted_mean(peak[rows], w) for rows, w in zip(members, weights, strict=True)])
    end = primitives.start + primitives.over
    extent = np.array([(primitives.start[rows].min(), end[rows].max()) for rows in members]).reshape(-1, 2)
    plane = primitives.plane[first]
    delay = np.array(PEAK_OFFSET)[plane]
    return Clusters(
        primitives.event[first], primitives.apa[first], plane, primitives.face[first],
        np.array([w.sum() for w in weights]), np.array(channel), tick, tick - delay, extent - delay[:, None], members,
    )  # fmt: skip


def unwrap_channels(primitives: Primitives, rows: Integers, middle: float | None) -> Floats:
    """Return the numbers of channels; on U and V, where they are counted modulo 800, those nearest to `middle`.

    Args:
        primitives: of a file.
        rows: which of them, all of one plane.
        middle: number of a channel; None means that of the largest primitive.
    """
    number = primitives.number[rows].astype(np.float64)
    if not len(rows) or primitives.plane[rows[0]] == 2:
        return number
    middle = number[np.argmax(primitives.integral[rows])] if middle is None else middle
    return np.asarray((number - middle + WRAP / 2) % WRAP - WRAP / 2 + middle)


def weighted_mean(values: Floats, weights: Floats) -> float:
    """Return the weighted mean of values."""
    return float((values * weights).sum() / weights.sum())


def group_columns(primitives: Primitives) -> tuple[Integers, ...]:
    """Return the columns that are equal for primitives that may be near, the most significant last."""
    return primitives.face, primitives.plane, primitives.apa, primitives.event


def find_neighbours(primitives: Primitives, order: Integers, how: Clustering) -> tuple[Integers, Integers]:
    """Return the pairs of primitives, by their places in `order`, that are near to each other.

    Primitives are compared with the next, the one after that, ... in time, until none is near enough any more.
    """
    start, end = primitives.start[order], (primitives.start + primitives.over)[order]
    groups = np.stack([key[order] for key in group_columns(primitives)])
    number, induction = primitives.number[order], primitives.plane[order] < 2
    reach = primitives.over.max(initial=0.0) + how.ticks
    ones, others, shift = [], [], 1
    while shift < len(order):
        same = (groups[:, shift:] == groups[:, :-shift]).all(axis=0)
        if not (same & (start[shift:] - start[:-shift] < reach)).any():
            break
        apart = np.abs(number[shift:] - number[:-shift])
        apart = np.where(induction[shift:], np.minimum(apart, WRAP - apart), apart)
        near = np.flatnonzero(same & (apart <= how.channels) & (start[shift:] - end[:-shift] < how.ticks))
        ones.append(near)
        others.append(near + shift)
        shift += 1
    return np.concatenate([*ones, np.empty(0, np.int64)]), np.concatenate([*others, np.empty(0, np.int64)])


def cluster_labels(count: int, one: Integers, other: Integers) -> Integers:
    """Return the number of each primitive's cluster, by DBSCAN on a graph of neighbours."""
    if not count:
        return np.empty(0, np.int64)
    try:
        from scipy.sparse import csr_array
        from sklearn.cluster import DBSCAN
    except ModuleNotFoundError:
        raise WirechamberError("clustering needs scikit-learn: pip install 'wirechamber[clustering]'.") from None
    rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
    graph = csr_array((np.ones(len(rows)), (rows, columns)), (count, count))
    graph.setdiag(0.0)
    labels: Integers = DBSCAN(eps=1.0, min_samples=1, metric="precomputed").fit(graph).labels_
    return labels


GAP = 10.0
"""Largest time from the end on one plane to the beginning on another [ticks], without the delays of the planes."""
TICKS = 25.0
"""Typical difference of the mean times on two planes [ticks]: U and V do not see tracks parallel to the drift."""
DISTANCE = 15.0
"""Largest difference of the heights where U and V cross an X wire [cm]: thresholds cut off different parts."""
PERIOD = WRAP * PITCH[0] / np.sin(WIRE_ANGLE)
"""U and V wires come back to the same X wire after this height [cm], more than an anode has."""


def match_clusters(clusters: Clusters) -> tuple[Integers, Integers]:
    """Return match_id and face of each cluster, both -1 where they are not known.

    The X clusters of an event are served in the order of their charge. Each takes the pair of U and V that fits best;
    then those that found none take a single U or V, if just one of them has the right time.
    """
    ids, face = np.full(len(clusters), -1), clusters.face.copy()
    for event in np.unique(clusters.event):
        here = np.flatnonzero(clusters.event == event)
        number = 0
        chiefs = here[clusters.plane[here] == 2]
        chiefs = chiefs[np.argsort(-clusters.charge[chiefs], kind="stable")]
        for best in (best_pair, only_partner):
            for x in chiefs[ids[chiefs] < 0]:
                partners = best(clusters, x, here[ids[here] < 0])
                if partners:
                    ids[[x, *partners]] = number
                    face[partners] = clusters.face[x]
                    number += 1
    return ids, face


def best_pair(clusters: Clusters, x: int, free: Integers) -> list[int]:
    """Return the U and V clusters among `free` that fit an X cluster best in time and height, [] if none do."""
    u, v = (clusters_in_time(clusters, x, free, plane) for plane in (0, 1))
    fits = []
    for pair in product(u, v):
        one, other = heights(clusters, x, *pair)
        distance = abs((one - other + PERIOD / 2) % PERIOD - PERIOD / 2)
        times = [clusters.drift[i] - clusters.drift[x] for i in pair]
        if distance < DISTANCE:
            fits.append(((distance / DISTANCE) ** 2 + sum((t / TICKS) ** 2 for t in times), pair))
    return list(min(fits)[1]) if fits else []


def only_partner(clusters: Clusters, x: int, free: Integers) -> list[int]:
    """Return the U or V cluster among `free` at the time of an X cluster if there is just one, else []."""
    partners = [*clusters_in_time(clusters, x, free, 0), *clusters_in_time(clusters, x, free, 1)]
    return partners if len(partners) == 1 else []


def clusters_in_time(clusters: Clusters, x: int, free: Integers, plane: int) -> list[int]:
    """Return the clusters of a plane among `free` that have the anode and the time of an X cluster."""
    same = (clusters.plane[free] == plane) & (clusters.apa[free] == clusters.apa[x])
    begin, end = clusters.extent[free].T
    gap = np.maximum(begin - clusters.extent[x, 1], clusters.extent[x, 0] - end)
    return [int(i) for i in free[same & (gap < GAP)]]


def heights(clusters: Clusters, x: int, u: int, v: int) -> tuple[float, float]:
    """Return y' where U and V clusters cross the X cluster's wires [cm], each known up to multiples of `PERIOD`."""
    apa, face = int(clusters.apa[x]), int(clusters.face[x])
    z = SIGNS[apa % 2, face, 2] * (clusters.channel[x] - X_OFFSET[apa, face]) * PITCH[2]
    sine, cosine = np.sin(WIRE_ANGLE), np.cos(WIRE_ANGLE)
    along = [(clusters.channel[i] - OFFSET[plane][apa, face]) * PITCH[plane] for plane, i in enumerate((u, v))]
    return float((along[0] - cosine * z) / sine), float((along[1] + cosine * z) / sine)


def canonical_channel(number: NDArray[np.float64], apa: int, face: int, plane: int) -> NDArray[np.float64]:
    """Return numbers of channels as they grow in the canonical frame: on X of half of the faces backward."""
    backward = plane == 2 and REVERSED[apa % 2, face]
    return np.asarray(FACE_WIRES - 1 - number if backward else number, np.float64)
