"""Plane images of trigger primitives: clusters drawn, matched and described."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_files import PLANES, TICKS, Plane
from datasets.files import root
from datasets.primitives.clusters import (
    Clustering,
    Clusters,
    canonical_channel,
    find_clusters,
    match_clusters,
    unwrap_channels,
)
from datasets.primitives.files import Primitives, read_primitives
from datasets.primitives.truth import describe_clusters

Floats = NDArray[np.float64]


def primitive_table(
    plane: ArrayLike, channel: ArrayLike, start: ArrayLike, to_peak: ArrayLike, over: ArrayLike, integral: ArrayLike
) -> Floats:
    """Return primitives as rows that `draw_window` reads.

    Args:
        plane: 0 U, 1 V, 2 X.
        channel: number that grows as u, v, w do, without a jump where wires wrap.
        start: first sample above threshold [ticks].
        to_peak: samples from there to the largest one.
        over: samples above threshold.
        integral: their sum [ADC].
    """
    columns = (plane, channel, start, to_peak, over, np.zeros_like(channel), integral)
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


@dataclass(frozen=True)
class PlaneClusters:
    """Clusters of one plane: images (N, 128, width), metadata (N, 18), anode and face (N,); face -1 is not known."""

    images: NDArray[np.float32]
    metadata: NDArray[np.float32]
    apa: NDArray[np.int8]
    face: NDArray[np.int8]


def make_planes(path: Path, width: int, how: Clustering) -> dict[str, PlaneClusters]:
    """Return the clusters of a file as the planes u, v, x see them, in the canonical frame of their faces.

    Raises:
        UserError: a damaged file, no primitives in it, no cluster among them.
    """
    primitives = read_primitives(path)
    clusters = find_clusters(primitives, how)
    if not len(clusters):
        what = f"no cluster among {len(primitives)} trigger primitives"
        raise UserError(Problem(what, (str(path),), expected=f"clusters of at least {how.least:g} ADC counts"))
    ids, matched = match_clusters(clusters)
    metadata, face = describe_clusters(primitives, clusters, ids, matched)
    images = draw_clusters(primitives, clusters, face, width)
    made = {}
    for number, plane in enumerate(PLANES):
        rows = np.flatnonzero(clusters.plane == number)
        sides = (clusters.apa[rows].astype(np.int8), face[rows].astype(np.int8))
        made[plane] = PlaneClusters(images[rows], metadata[rows].astype(np.float32), *sides)
    return made


@lru_cache(maxsize=8)
def _cached_planes(path: Path, _stamp: tuple[int, int], width: int) -> dict[str, PlaneClusters]:
    return make_planes(path, width, Clustering())


def primitive_planes(path: Path, planes: Sequence[str], width: int) -> dict[str, Plane]:
    """Return the planes of a ROOT file as a loader wants them; images are made again when they are asked for."""
    found = root.split_name(path)[0].stat() if root.split_name(path)[0].is_file() else None
    stamp = (found.st_mtime_ns, found.st_size) if found else (0, 0)

    def plane(name: str) -> Plane:
        made = _cached_planes(path, stamp, width)[name]
        beside = {"apa": made.apa, "face": made.face}

        def images(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return _cached_planes(path, stamp, width)[name].images[rows]

        return Plane(path, made.metadata, made.images.shape, images, beside=beside)

    return {name: plane(name) for name in planes}


def draw_clusters(
    primitives: Primitives, clusters: Clusters, face: NDArray[np.int64], width: int
) -> NDArray[np.float32]:
    """Return an image for each cluster, (N, 128, width), of all primitives of its event that lie in the window."""
    from datasets.simulate.argon.primitives import draw_window

    images, sides = np.zeros((len(clusters), TICKS, width), np.float32), rows_by_side(primitives)
    columns = (primitives.start, primitives.to_peak, primitives.over, primitives.integral)
    for i in range(len(clusters)):
        event, apa, plane = int(clusters.event[i]), int(clusters.apa[i]), int(clusters.plane[i])
        rows = sides[event, apa, plane, int(clusters.face[i])]
        middle = canonical_channel(clusters.channel[i : i + 1], apa, int(face[i]), plane)[0]
        number = canonical_channel(
            unwrap_channels(primitives, rows, float(clusters.channel[i])), apa, int(face[i]), plane
        )
        seen = primitive_table(primitives.plane[rows], number, *(values[rows] for values in columns))
        draw_window(seen, plane, float(middle), float(clusters.tick[i]), images[i])
    return images


def rows_by_side(primitives: Primitives) -> dict[tuple[int, ...], NDArray[np.int64]]:
    """Return the primitives of each event, anode, plane and face."""
    keys = np.stack([primitives.event, primitives.apa, primitives.plane, primitives.face], axis=-1)
    unique, number = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(number.ravel()))[:-1])
    return {tuple(key): part for key, part in zip(unique.tolist(), parts, strict=True)}
