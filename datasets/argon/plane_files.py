"""Files of cluster images: which belong together, and their images and metadata plane by plane."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_layouts import EVENT, Clusters, number_clusters, read_clusters
from datasets.files import npz, root, shards

PLANES = ("u", "v", "x")
PLANE_FILE = re.compile(r"(.+)_plane([UVX])\.(?i:npz)")
TICKS = 128
"""The number of rows of an image."""
BESIDE_ROWS = {"neutrino_momentum": 2, "apa": 1, "face": 1, "key": 1}
"""Arrays that our own files have next to the metadata, by rows, and their dimensions."""


@dataclass(frozen=True)
class Group:
    """One npz for each plane, one npz with matched planes, or one ROOT file of trigger primitives.

    Attributes:
        name: what the files have in common, without folder and plane.
        paths: by plane; for matched planes and primitives all the same path.
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
    """One plane of a group: N images of (ticks, channels) and what is known of each.

    Attributes:
        path: the file.
        metadata: (N, columns) as in the file; None where it has none and the truth is not asked for.
        shape: of all images, (N, ticks, channels).
        images: reads those of some rows.
        match_ids: (N,), where the file has them next to the metadata.
        beside: further arrays by rows.
        whole: whether the images can only be read all together, because they are compressed.
    """

    path: Path
    metadata: Any
    shape: tuple[int, ...]
    images: Callable[[Any], NDArray[np.float32]]
    match_ids: Any = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False


def find_groups(files: Sequence[Path], planes: Sequence[str]) -> list[Group]:
    """Return the groups of files in order; files of single planes are taken only where the plane is wanted.

    Raises:
        UserError: no file of a wanted plane.
    """
    groups: dict[tuple[Path, str], Group] = {}
    for path in dict.fromkeys(files):
        named = PLANE_FILE.fullmatch(path.name)
        if root.is_root(path):
            groups[path, ""] = Group(root.split_name(path)[0].stem, dict.fromkeys(planes, path), "primitives")
        elif named is None:
            groups[path, ""] = Group(path.stem, dict.fromkeys(planes, path), "matched")
        else:
            name, plane = named[1], named[2].lower()
            folder = path.parent.parent if path.parent.name in ("U", "V", "X") else path.parent
            known = groups.get((folder, name), Group(name, {}, "planes"))
            groups[folder, name] = Group(name, known.paths | ({plane: path} if plane in planes else {}), "planes")
    wanted = [group for group in groups.values() if group.paths]
    if not wanted:
        what = f"no file of plane {' or '.join(p.upper() for p in planes)}"
        expected = "<base>_planeU.npz, _planeV.npz, _planeX.npz, a file of matched planes or ROOT files"
        raise UserError(
            Problem(what, ("dataset", "files"), expected=expected, received=[str(path) for path in files[:3]])
        )
    return wanted


def check_complete(group: Group, planes: Sequence[str]) -> None:
    """Refuse a group that lacks a wanted plane."""
    for plane in planes:
        if plane not in group.paths:
            other = group.path
            name = f"{group.name}_plane{plane.upper()}.npz"
            have = ", ".join(p.upper() for p in group.paths)
            what = f"plane {plane.upper()} is missing: there are files of plane {have} only"
            raise UserError(Problem(what, (str(other),), expected=f"{name} in the same folder or in {plane.upper()}/"))


def open_planes(group: Group, planes: Sequence[str], truth: bool = True) -> dict[str, Plane]:
    """Return the wanted planes of a group of npz files; metadata are read, images are not.

    Without `truth` a file may have arrays `event` and `match_id` in place of the metadata, or none of them.

    Raises:
        UserError: a plane is missing, a file is damaged, empty, of another kind or has pickled objects.
    """
    check_complete(group, planes)
    return {plane: open_plane(group, plane, truth) for plane in planes}


def open_plane(group: Group, plane: str, truth: bool = True) -> Plane:
    """Return one plane of a group of npz files; arguments and errors of `open_planes`."""
    path = group.paths[plane]
    known = npz.array_names(path)
    name = f"images_{plane}" if group.matched else "images"
    for needed in (name, "metadata") if truth else (name,):
        if needed not in known:
            kind = "images_u, images_v, images_x" if group.matched else "images"
            what = f"has no array {needed!r}, so it does not hold cluster images"
            raise UserError(Problem(what, (str(path),), expected=f"{kind} and metadata", received=known))
    header = npz.check_numbers(path, name, (1, 2, 3, 4))
    ids = npz.load_numbers(path, "match_ids") if "match_ids" in known else None
    rows = BESIDE_ROWS if truth else {**dict.fromkeys((*EVENT, "apa", "face", "key"), 1)}
    beside = {n: np.array(npz.load_numbers(path, n, (d,))) for n, d in rows.items() if n in known}
    metadata = np.array(npz.load_numbers(path, "metadata", (1, 2))) if "metadata" in known else None
    for array_name, array in {"metadata": metadata, "match_ids": ids, **beside}.items():
        if array is not None and len(array) != header.shape[0]:
            what = f"{array_name!r} has another number of rows than the images"
            expected = f"{header.shape[0]} rows"
            raise UserError(Problem(what, (str(path),), expected=expected, received=len(array)))

    def images(rows: Any) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # infinite pixels are refused
            return np.asarray(npz.load_array(path, name)[rows], np.float32)

    return Plane(path, metadata, header.shape, images, ids, beside, header.compressed)


def read_facts(path: Path) -> dict[str, Any]:
    """Return what our own programs say about a file of theirs; {} for files of other programs."""
    if root.is_root(path):
        return {"dataset": "plane_images", "frame": "canonical"}  # as our clustering makes them
    return shards.read_facts(path)


def clusters_of(group: Group, name: str, plane: Plane, truth: bool = True) -> Clusters:
    """Return the checked metadata of one plane of a group; without `truth` only what numbers its clusters."""
    if not truth:
        ids = {} if plane.match_ids is None else {"match_id": plane.match_ids}
        return number_clusters(plane.metadata, plane.shape[0], {**ids, **plane.beside})
    number = PLANES.index(name) if group.kind == "planes" else None
    return read_clusters(plane.metadata, (str(plane.path),), number)


def check_images(planes: Mapping[str, Plane], first: Plane) -> None:
    """Refuse images that are not (N, 128, channels), or of another width than those of the first file."""
    for plane in planes.values():
        place = (str(plane.path),)
        if len(plane.shape) != 3 or plane.shape[1] != TICKS:
            hint = ": rows are ticks, columns are channels" if TICKS in plane.shape[2:] else ""
            expected = f"(N, {TICKS}, 16) or (N, {TICKS}, 32){hint}"
            raise UserError(Problem("not cluster images", place, expected=expected, received=list(plane.shape)))
        if plane.shape[2] != first.shape[2]:
            what = f"images of another width than in {first.path}"
            raise UserError(Problem(what, place, expected=f"{first.shape[2]} channels", received=plane.shape[2]))
