"""Which clusters on U, V and X are the same charge: by time, and by the point where their wires cross."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.detector import FACE_WIRES, OFFSET, REVERSED, SIGNS, WRAP, X_OFFSET
from app.physics.argon.planes import PITCH, WIRE_ANGLE
from datasets.convert._clusters import Clusters

GAP = 10.0
"""From the end of what one plane sees to the beginning on another it is less [ticks], the planes' delays taken off."""
TICKS = 25.0
"""By so much the mean times of what two planes see differ: U and V see nothing of what is parallel to the drift."""
DISTANCE = 15.0
"""U and V cross the same X wire at heights that differ by less [cm]: thresholds cut off other parts on each plane."""
PERIOD = WRAP * PITCH[0] / np.sin(WIRE_ANGLE)
"""U and V wires come back to the same X wire after this height [cm], more than an anode has."""
Integers = NDArray[np.int64]


def match(clusters: Clusters) -> tuple[Integers, Integers]:
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
        for best in (_best_pair, _only_one):
            for x in chiefs[ids[chiefs] < 0]:
                partners = best(clusters, x, here[ids[here] < 0])
                if partners:
                    ids[[x, *partners]] = number
                    face[partners] = clusters.face[x]
                    number += 1
    return ids, face


def _best_pair(clusters: Clusters, x: int, free: Integers) -> list[int]:
    u, v = (_in_time(clusters, x, free, plane) for plane in (0, 1))
    found = []
    for pair in product(u, v):
        one, other = heights(clusters, x, *pair)
        distance = abs((one - other + PERIOD / 2) % PERIOD - PERIOD / 2)
        times = [clusters.drift[i] - clusters.drift[x] for i in pair]
        if distance < DISTANCE:
            found.append(((distance / DISTANCE) ** 2 + sum((t / TICKS) ** 2 for t in times), pair))
    return list(min(found)[1]) if found else []


def _only_one(clusters: Clusters, x: int, free: Integers) -> list[int]:
    found = [*_in_time(clusters, x, free, 0), *_in_time(clusters, x, free, 1)]
    return found if len(found) == 1 else []


def _in_time(clusters: Clusters, x: int, free: Integers, plane: int) -> list[int]:
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
