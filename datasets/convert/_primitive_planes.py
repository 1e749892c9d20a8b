"""Plane images of a file of trigger primitives: clusters, matched, drawn and described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets import _root
from datasets._plane_files import PLANES, TICKS, Plane
from datasets.convert._clusters import Clustering, Clusters, find, unwrapped
from datasets.convert._matching import canonical_channel, match
from datasets.convert._primitives import Primitives, read
from datasets.convert._truth import describe


@dataclass(frozen=True)
class Made:
    """Clusters of one plane: images (N, 128, width), metadata (N, 18), anode and face (N,); face -1 is not known."""

    images: NDArray[np.float32]
    metadata: NDArray[np.float32]
    apa: NDArray[np.int8]
    face: NDArray[np.int8]


def planes_of(path: Path, width: int, how: Clustering) -> dict[str, Made]:
    """Return what the planes u, v, x show of a file's clusters, in the canonical frame of their faces.

    Raises:
        UserError: a damaged file, no primitives in it, no cluster among them.
    """
    primitives = read(path)
    clusters = find(primitives, how)
    if not len(clusters):
        what = f"no cluster among {len(primitives)} trigger primitives"
        raise UserError(Problem(what, (str(path),), None, f"clusters of at least {how.least:g} ADC counts"))
    ids, matched = match(clusters)
    metadata, face = describe(primitives, clusters, ids, matched)
    images = _images(primitives, clusters, face, width)
    made = {}
    for number, plane in enumerate(PLANES):
        rows = np.flatnonzero(clusters.plane == number)
        sides = (clusters.apa[rows].astype(np.int8), face[rows].astype(np.int8))
        made[plane] = Made(images[rows], metadata[rows].astype(np.float32), *sides)
    return made


@lru_cache(maxsize=8)
def _remembered(path: Path, _stamp: tuple[int, int], width: int) -> dict[str, Made]:
    return planes_of(path, width, Clustering())


def primitive_planes(path: Path, planes: Sequence[str], width: int) -> dict[str, Plane]:
    """Return the planes of a ROOT file as a loader wants them; images are made again when they are asked for."""
    found = _root.parts(path)[0].stat() if _root.parts(path)[0].is_file() else None
    stamp = (found.st_mtime_ns, found.st_size) if found else (0, 0)

    def plane(name: str) -> Plane:
        made = _remembered(path, stamp, width)[name]
        beside = {"apa": made.apa, "face": made.face}

        def images(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return _remembered(path, stamp, width)[name].images[rows]

        return Plane(path, made.metadata, made.images.shape, images, beside=beside)

    return {name: plane(name) for name in planes}


def _images(primitives: Primitives, clusters: Clusters, face: NDArray[np.int64], width: int) -> NDArray[np.float32]:
    """Return an image for each cluster, (N, 128, width), of all primitives of its event that lie in the window."""
    from datasets.convert._windows import draw_window

    images = np.zeros((len(clusters), TICKS, width), np.float32)
    for i in range(len(clusters)):
        apa, plane, side = int(clusters.apa[i]), int(clusters.plane[i]), int(clusters.face[i])
        same = (primitives.event == clusters.event[i]) & (primitives.apa == apa) & (primitives.plane == plane)
        rows = np.flatnonzero(same & (primitives.face == side))
        table = np.zeros((len(rows), 7))  # the columns of datasets.simulate._argon_readout
        number = unwrapped(primitives, rows, float(clusters.channel[i]))
        table[:, 1] = canonical_channel(number, apa, int(face[i]), plane)
        table[:, 2], table[:, 3], table[:, 4] = primitives.start[rows], primitives.to_peak[rows], primitives.over[rows]
        table[:, 5], table[:, 6] = primitives.peak[rows], primitives.integral[rows]
        channel = canonical_channel(clusters.channel[i : i + 1], apa, int(face[i]), plane)[0]
        draw_window(table, float(channel), float(clusters.tick[i]), images[i])
    return images
