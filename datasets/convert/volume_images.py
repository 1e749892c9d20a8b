"""Older volume images, pickled or dense, as sparse shards."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_files import Group, check_complete, find_groups
from datasets.argon.volume_files import PLANES, SHAPE, VECTORS
from datasets.convert import CONVERTERS
from datasets.files import npz
from datasets.files.shards import make_folder, write_shard

NAMES: Mapping[str, Sequence[str]] = {
    "event": ("event", "event_number"),
    "source_file": ("source_file", "file", "filename"),
    "is_es": ("is_es",),
    "particle_energy": ("particle_energy", "true_particle_energy"),
    "cluster_energy": ("cluster_energy", "main_cluster_energy"),
    "n_clusters": ("n_clusters", "n_clusters_in_volume"),
    "center_channel": ("center_channel",),
    "center_tick": ("center_tick", "center_time_tpc"),
    "match_id": ("match_id", "main_cluster_match_id"),
    "main_track_momentum": ("main_track_momentum", "momentum"),
    "neutrino_momentum": ("neutrino_momentum",),
}
"""Possible names of a column; vectors may also be split into <name>_x, _y, _z."""
NEEDED = ("is_es", "particle_energy")
INTERACTIONS = {"es": 1, "cc": 0}
TYPES: Mapping[str, type[np.integer[Any]]] = {
    "event": np.int64,
    "is_es": np.int8,
    "n_clusters": np.int32,
    "match_id": np.int64,
}


def metadata_columns(rows: Sequence[Any], path: Path) -> dict[str, NDArray[Any]]:
    """Return the metadata column by column; keys of other names are left out.

    Raises:
        UserError: rows that are no dictionaries, lack what is needed, or differ in what they have.
    """
    place = (str(path), "metadata")
    for row in rows:
        if not isinstance(row, dict):
            expected = "a dictionary for each image"
            raise UserError(Problem("metadata of another kind", place, expected=expected, received=type(row).__name__))
    found = {name: _column(rows, name) for name in NAMES}
    kept = {name: values for name, values in found.items() if values is not None}
    for name in NEEDED:
        if name not in kept:
            expected = f"the key {NAMES[name][0]!r} in each row"
            raise UserError(
                Problem(f"metadata without {name!r}", place, expected=expected, received=sorted(map(str, rows[0])))
            )
    return {name: _typed(name, values, place) for name, values in kept.items()}


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any] | None:
    """Return the values of a column, None where not every row has them."""
    for key in NAMES[name]:
        if all(key in row for row in rows):
            return [row[key] for row in rows]
        parts = [f"{key}_{axis}" for axis in "xyz"]
        if name in VECTORS and all(part in row for part in parts for row in rows):
            return [[row[part] for part in parts] for row in rows]
    if name == "is_es" and all("interaction_type" in row for row in rows):
        return [INTERACTIONS.get(str(row["interaction_type"]).lower(), row["interaction_type"]) for row in rows]
    return None


def _typed(name: str, values: list[Any], place: tuple[str, str]) -> NDArray[Any]:
    if name == "source_file":
        return np.array([str(value) for value in values])
    try:
        if name in TYPES:
            return integers(values, TYPES[name])
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        what = f"{name!r} is not a {'whole ' if name in TYPES else ''}number in every row"
        raise UserError(Problem(what, place, received=values[0])) from None
    except OverflowError:
        numbers = [value for value in values if isinstance(value, int | float)]
        what, received = f"{name!r} does not fit its type", [min(numbers), max(numbers)]
        raise UserError(Problem(what, place, expected=TYPES[name].__name__, received=received)) from None
    if name in VECTORS:  # one number for the plane of the file, or three
        array = np.repeat(array[:, None], 3, axis=1) if array.ndim == 1 else array
    return array.astype(np.float32)


def integers(values: Sequence[Any], kind: type[np.integer[Any]]) -> NDArray[Any]:
    """Return numbers as integers of a type, or of uint64 where they need that; raises OverflowError if none holds them.

    Python's integers have all digits, while an array of mixed types is one of float64.
    """
    numbers = [int(value) for value in values]
    if any(float(number) != float(value) for number, value in zip(numbers, values, strict=True)):
        raise ValueError
    least, largest = min(numbers, default=0), max(numbers, default=0)
    if kind is np.int64 and least >= 0 and largest >= 2**63:
        kind = np.uint64
    limits = np.iinfo(kind)
    if not limits.min <= least <= largest <= limits.max:
        raise OverflowError
    return np.array(numbers, kind)


logger = logging.getLogger(__name__)


@CONVERTERS("volume_images")
def volume_images(files: Sequence[Path], out: Path, *, trust_pickle: bool = False) -> None:
    """Turn older volume images into sparse shards, once: what pickled objects would run at every reading runs here.

    Read are `<base>_planeU.npz`, `_planeV`, `_planeX` with `images` (N, 208, 1242) and `metadata`, a dictionary for
    each image, joined on event and match_id; or one file with `images_u`, `images_v`, `images_x`. Both arrays may be
    pickled objects. Written are shards `<base>.npz` as the dataset `volume_images` reads them.

    Args:
        files: npz files, or a folder of them.
        out: folder of the shards.
        trust_pickle: read pickled objects, which run whatever code their file holds: only files of people you trust.

    Raises:
        UserError: pickled objects that are not trusted, damaged files, a missing plane, images of another size,
            metadata of another kind, shards that exist already.
    """
    groups = find_groups(files, PLANES)
    targets = {group.path: out / f"{group.name}.npz" for group in groups}
    for group in groups:
        check_complete(group, PLANES)
        if targets[group.path].exists():
            raise UserError(Problem("exists already", (str(targets[group.path]),), expected="another folder"))
    if len(set(targets.values())) < len(targets):
        raise UserError(Problem("two files would be written to one shard", ("convert",), expected="other names"))
    make_folder(out)
    for group in groups:
        arrays = read_group(group, trust_pickle)
        rows = len(arrays["is_es"])
        facts = {"dataset": "volume_images", "shape": list(SHAPE), "converted_from": group.path.name, "rows": rows}
        units = {"value": "ADC", "particle_energy": "GeV", "cluster_energy": "MeV"}
        units |= {"main_track_momentum": "GeV/c", "neutrino_momentum": "GeV/c"}
        write_shard(targets[group.path], arrays, {**facts, "units": units})
        logger.info("%s: %d events", targets[group.path], rows)


def read_group(group: Group, trust: bool) -> dict[str, NDArray[Any]]:
    """Return the arrays of a shard: metadata of X, and the pixels of the events that all planes have."""
    tables, images = {}, {}
    for plane in PLANES:
        path = group.paths[plane]
        name = f"images_{plane}" if group.matched else "images"
        images[plane] = load_trusted(path, name, trust)
        for row, image in enumerate(images[plane]):
            if np.shape(image) != SHAPE:
                what, received = f"the image of row {row} has another size", list(np.shape(image))
                raise UserError(Problem(what, (str(path), name), expected=f"{list(SHAPE)}", received=received))
        tables[plane] = metadata_columns(list(load_trusted(path, "metadata", trust)), path)
        if len(images[plane]) != len(tables[plane]["is_es"]):
            what = "'metadata' has another number of rows than the images"
            raise UserError(
                Problem(what, (str(path),), expected=f"{len(images[plane])} rows", received=len(tables[plane]["is_es"]))
            )
    rows = join_planes(tables, group)
    about = {name: values[rows["x"]] for name, values in tables["x"].items()}
    if not group.matched:
        for name in ("center_channel", "center_tick"):
            if all(name in table for table in tables.values()):
                about[name] = np.stack([tables[p][name][rows[p], 0] for p in PLANES], axis=-1)
    return sparse_pixels([images[plane] for plane in PLANES], [rows[plane] for plane in PLANES]) | about


def join_planes(tables: Mapping[str, Mapping[str, NDArray[Any]]], group: Group) -> dict[str, NDArray[np.intp]]:
    """Return the rows of each plane that show the same event."""
    if group.matched:
        return {plane: np.arange(len(table["is_es"])) for plane, table in tables.items()}
    named = {}
    for plane, table in tables.items():
        if "event" not in table or "match_id" not in table:
            what = "planes are joined on 'event' and 'match_id', which the metadata do not have"
            raise UserError(Problem(what, (str(group.paths[plane]), "metadata"), received=sorted(table)))
        pairs = zip(table["event"].tolist(), table["match_id"].tolist(), strict=True)
        named[plane] = {pair: row for row, pair in enumerate(pairs) if pair[1] >= 0}
    common = [pair for pair in named["x"] if all(pair in rows for rows in named.values())]
    lost = max(len(table["is_es"]) for table in tables.values()) - len(common)
    if lost:
        logger.info("%s: %d events are not seen by all planes and were dropped", group.name, lost)
    return {plane: np.array([rows[pair] for pair in common], np.intp) for plane, rows in named.items()}


def sparse_pixels(images: Sequence[Any], rows: Sequence[NDArray[np.intp]]) -> dict[str, NDArray[Any]]:
    """Return all pixels that are not zero, event by event and plane by plane."""
    found: list[tuple[Any, ...]] = []
    counts = []
    for event in range(len(rows[0])):
        number = 0
        for plane, (every, chosen) in enumerate(zip(images, rows, strict=True)):
            image = np.asarray(every[chosen[event]], np.float32)
            row, column = np.nonzero(image)
            found.append((np.full(len(row), plane), row, column, image[row, column]))
            number += len(row)
        counts.append(number)
    parts = [np.concatenate([*part, np.empty(0)]) for part in zip(*found, strict=True)] or [np.empty(0)] * 4
    kinds = {"plane": np.uint8, "row": np.int16, "column": np.int16, "value": np.float32}
    arrays = {name: part.astype(kind) for (name, kind), part in zip(kinds.items(), parts, strict=True)}
    return {**arrays, "offsets": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)}


def load_trusted(path: Path, name: str, trust: bool) -> Any:
    """Return an array; raises UserError for pickled objects unless they are trusted."""
    try:
        return npz.load_array(path, name)
    except UserError as error:
        if "ickle" not in str(error):
            raise
    if not trust:
        what = f"the array {name!r} holds pickled objects, which run code from the file when they are read"
        expected = "--trust-pickle, if you trust whoever made this file"
        raise UserError(Problem(what, (str(path),), expected=expected))
    try:
        with np.load(path, allow_pickle=True) as content:
            return content[name]
    except Exception as error:  # whatever the pickle does
        raise UserError(Problem(f"the array {name!r} cannot be read ({error})", (str(path),))) from None
