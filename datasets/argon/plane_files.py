"""Files of cluster images: which belong together, and their images and metadata plane by plane."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_layouts import Clusters, clusters
from datasets.files import npz, root
from datasets.files.shards import BESIDE

PLANES = ("u", "v", "x")
PLANE_FILE = re.compile(r"(.+)_plane([UVX])\.npz")
TICKS = 128
"""Rows of an image."""


BESIDE_ROWS = ("neutrino_momentum", "apa", "face")
"""Arrays that our own files have beside the metadata, by rows."""


@dataclass(frozen=True)
class Group:
    """One npz for each plane, one npz with matched planes, or one ROOT file of trigger primitives.

    Attributes:
        name: what the files have in common, without folder and plane.
        paths: by plane; for matched planes and primitives the same path again and again.
        kind: which of the three.
    """

    name: str
    paths: dict[str, Path]
    kind: Literal["planes", "matched", "primitives"]

    @property
    def matched(self) -> bool:
        """Whether rows of different planes with the same number belong together."""
        return self.kind == "matched"

    @property
    def path(self) -> Path:
        """One of its files, for errors."""
        return self.paths.get("x", next(iter(self.paths.values())))


@dataclass(frozen=True)
class Plane:
    """What one plane of a group holds: N images of (ticks, channels) and what is known of each.

    Attributes:
        path: the file.
        metadata: (N, columns) as they stand in the file.
        shape: of all images, (N, ticks, channels).
        images: reads those of some rows.
        match_ids: (N,), where the file has them beside the metadata.
        beside: further arrays by rows.
        whole: the images can be read only all together, for they are compressed.
    """

    path: Path
    metadata: Any
    shape: tuple[int, ...]
    images: Callable[[Any], NDArray[np.float32]]
    match_ids: Any = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False


def groups(files: Sequence[Path], planes: Sequence[str]) -> list[Group]:
    """Return the groups of files in order; of files of single planes only those of wanted planes are taken.

    Raises:
        UserError: no file of a wanted plane.
    """
    made: dict[tuple[Path, str], Group] = {}
    for path in dict.fromkeys(files):
        group = _group(path, planes)
        folder = path.parent.parent if path.parent.name in ("U", "V", "X") else path.parent
        known = made.get((folder, group.name)) if group.kind == "planes" else None
        place = (folder, group.name) if group.kind == "planes" else (path, "")
        made[place] = Group(group.name, (known.paths if known else {}) | group.paths, group.kind)
    wanted = list(made.values())
    if not any(group.paths for group in wanted):
        what = f"no file of plane {' or '.join(p.upper() for p in planes)}"
        expected = "<base>_planeU.npz, _planeV.npz, _planeX.npz, a file of matched planes or ROOT files"
        raise UserError(
            Problem(what, ("dataset", "files"), expected=expected, received=[str(path) for path in files[:3]])
        )
    return [group for group in wanted if group.paths]


def _group(path: Path, planes: Sequence[str]) -> Group:
    """Return the group of one file alone."""
    if root.is_root(path):
        return Group(root.split_name(path)[0].stem, dict.fromkeys(planes, path), "primitives")
    named = PLANE_FILE.fullmatch(path.name)
    if named is None:
        return Group(path.stem, dict.fromkeys(planes, path), "matched")
    plane = named[2].lower()
    return Group(named[1], {plane: path} if plane in planes else {}, "planes")


def check_complete(group: Group, planes: Sequence[str]) -> None:
    """Refuse a group that lacks a wanted plane."""
    for plane in planes:
        if plane not in group.paths:
            other = group.path
            name = f"{group.name}_plane{plane.upper()}.npz"
            have = ", ".join(p.upper() for p in group.paths)
            what = f"plane {plane.upper()} is missing: there are files of plane {have} only"
            raise UserError(Problem(what, (str(other),), expected=f"{name} in the same folder or in {plane.upper()}/"))


def opened(group: Group, planes: Sequence[str]) -> dict[str, Plane]:
    """Return the wanted planes of a group that is no ROOT file; metadata are read, images are not.

    Raises:
        UserError: a plane is missing, a file is damaged, empty, of another kind or has pickled objects.
    """
    check_complete(group, planes)
    return {plane: _opened(group, plane) for plane in planes}


def _opened(group: Group, plane: str) -> Plane:
    path = group.paths[plane]
    known = npz.array_names(path)
    name = f"images_{plane}" if group.matched else "images"
    for needed in (name, "metadata"):
        if needed not in known:
            kind = "images_u, images_v, images_x" if group.matched else "images"
            what = f"has no array {needed!r}, so it does not hold cluster images"
            raise UserError(Problem(what, (str(path),), expected=f"{kind} and metadata", received=known))
    header = npz.read_header(path, name)
    npz.read_header(path, "metadata")
    ids = npz.load_array(path, "match_ids") if "match_ids" in known else None
    beside = {n: np.array(npz.load_array(path, n)) for n in (*BESIDE_ROWS, "key") if n in known}
    found = np.array(npz.load_array(path, "metadata"))
    _check_lengths(path, header.shape, {"metadata": found, "match_ids": ids, **beside})

    def images(rows: Any) -> NDArray[np.float32]:
        return np.asarray(npz.load_array(path, name)[rows], np.float32)

    return Plane(path, found, header.shape, images, ids, beside, header.compressed)


def _check_lengths(path: Path, shape: tuple[int, ...], arrays: Mapping[str, Any]) -> None:
    for name, array in arrays.items():
        if array is not None and len(array) != shape[0]:
            what = f"{name!r} has another number of rows than the images"
            raise UserError(Problem(what, (str(path),), expected=f"{shape[0]} rows", received=len(array)))


def facts(path: Path) -> dict[str, Any]:
    """Return what our own programs say about a file of theirs; {} for foreign ones."""
    if root.is_root(path):
        return {"dataset": "plane_images", "frame": "canonical"}  # what our clustering makes of it
    if BESIDE not in npz.array_names(path):
        return {}
    try:
        content = json.loads(str(npz.load_array(path, BESIDE)))
    except ValueError:
        return {}
    return dict(content) if isinstance(content, dict) else {}


def table(plane: Plane, number: int | None) -> Clusters:
    """Return the checked metadata of a plane; `number` is 0, 1, 2 where the file holds this plane only."""
    return clusters(plane.metadata, (str(plane.path),), number)


def check_images(planes: Mapping[str, Plane], first: Plane) -> None:
    """Refuse images that are no (N, 128, channels), or have other widths than those of the first file."""
    for plane in planes.values():
        place = (str(plane.path),)
        if len(plane.shape) != 3 or plane.shape[1] != TICKS:
            hint = ": rows are ticks, columns are channels" if TICKS in plane.shape[2:] else ""
            expected = f"(N, {TICKS}, 16) or (N, {TICKS}, 32){hint}"
            raise UserError(Problem("not cluster images", place, expected=expected, received=list(plane.shape)))
        if plane.shape[2] != first.shape[2]:
            what = f"images of another width than in {first.path}"
            raise UserError(Problem(what, place, expected=f"{first.shape[2]} channels", received=plane.shape[2]))
