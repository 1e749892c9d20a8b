"""Plane images of a file of trigger primitives: clusters, matched, drawn and described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_files import PLANES, TICKS, Plane
from datasets.argon.primitive_images import table
from datasets.convert._clusters import Clustering, Clusters, find, unwrapped
from datasets.convert._matching import canonical_channel, match
from datasets.convert._primitives import Primitives, read
from datasets.convert._truth import describe
from datasets.files import root


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
        raise UserError(Problem(what, (str(path),), expected=f"clusters of at least {how.least:g} ADC counts"))
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
    found = root.parts(path)[0].stat() if root.parts(path)[0].is_file() else None
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
    from datasets.simulate.argon.window import draw_window

    images, sides = np.zeros((len(clusters), TICKS, width), np.float32), _by_side(primitives)
    columns = (primitives.start, primitives.to_peak, primitives.over, primitives.integral)
    for i in range(len(clusters)):
        event, apa, plane = int(clusters.event[i]), int(clusters.apa[i]), int(clusters.plane[i])
        rows = sides[event, apa, plane, int(clusters.face[i])]
        middle = canonical_channel(clusters.channel[i : i + 1], apa, int(face[i]), plane)[0]
        number = canonical_channel(unwrapped(primitives, rows, float(clusters.channel[i])), apa, int(face[i]), plane)
        seen = table(primitives.plane[rows], number, *(values[rows] for values in columns))
        draw_window(seen, plane, float(middle), float(clusters.tick[i]), images[i])
    return images


def _by_side(primitives: Primitives) -> dict[tuple[int, ...], NDArray[np.int64]]:
    """Return the primitives of each event, anode, plane and face."""
    keys = np.stack([primitives.event, primitives.apa, primitives.plane, primitives.face], axis=-1)
    unique, number = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(number.ravel()))[:-1])
    return {tuple(key): part for key, part in zip(unique.tolist(), parts, strict=True)}
