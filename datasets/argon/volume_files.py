"""Shards of sparse volume images: the pixels of N events one after the other, and what is known of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.pixels import check_pixels
from datasets.files import npz
from datasets.pipeline.arrays import Sparse
from datasets.pipeline.event_keys import hash_rows, hash_text, mix, stored_keys

SHAPE = (208, 1242)
"""Channels and ticks of a volume: 1 m x 1 m."""
PLANES = ("u", "v", "x")
PIXELS = {"plane": "iu", "row": "iu", "column": "iu", "value": "biuf"}
"""Arrays of the pixels, and the kinds of types that they may have."""
NUMBERS = ("event", "is_es", "particle_energy", "cluster_energy", "n_clusters", "match_id")
"""Columns with one number per event: energies of particles in GeV, those of clusters in MeV."""
VECTORS = ("main_track_momentum", "neutrino_momentum", "center_channel", "center_tick")
NEEDED = (*PIXELS, "offsets", "is_es", "particle_energy")
TRUTH = ("is_es", "particle_energy", "main_track_momentum", "neutrino_momentum")
LARGEST_ENERGY = 1.0
"""Largest energy of a particle from a supernova [GeV]; above it the unit is another."""


@dataclass(frozen=True)
class Shard:
    """One file: metadata of its N events are read, pixels are not.

    Attributes:
        path: the file.
        columns: (N,) or (N, 3) by name.
        key: of the events, (N,).
        offsets: event i has pixels offsets[i] to offsets[i + 1] - 1, (N + 1,).
    """

    path: Path
    columns: Mapping[str, NDArray[Any]]
    key: NDArray[np.uint64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.key)

    def read_pixels(self) -> tuple[NDArray[Any], ...]:
        """Return plane, row, column and value of all pixels, (M,) each.

        Raises:
            UserError: pixels that lie outside, are no ADC counts, or cannot be read.
        """
        plane, row, column, value = (np.asarray(npz.load_array(self.path, name)) for name in PIXELS)
        limits = {"plane": (plane, len(PLANES)), "row": (row, SHAPE[0]), "column": (column, SHAPE[1])}
        for name, (values, limit) in limits.items():
            bad = np.flatnonzero((values < 0) | (values >= limit))
            if len(bad):
                what, expected = f"{len(bad)} pixels lie outside the image", f"0 to {limit - 1}"
                received = int(values[bad[0]])
                raise UserError(Problem(what, (str(self.path), name), expected=expected, received=received))
        value = value.astype(np.float64)
        for number, name in enumerate(PLANES):
            rows = np.flatnonzero(plane == number)
            check_pixels(value[rows], rows, name, (str(self.path), "value"))
        return plane, row, column, value

    def pixels(self, rows: NDArray[np.intp], planes: Sequence[str]) -> tuple[Sparse, dict[str, NDArray[np.float64]]]:
        """Return the images (channels, ticks, planes) of some events, and the sum of each plane.

        Raises:
            UserError: as of `read_pixels`.
        """
        plane, row, column, value = self.read_pixels()
        place = np.full(len(PLANES), -1)
        place[[PLANES.index(name) for name in planes]] = np.arange(len(planes))
        wanted = place[plane] >= 0
        size = (*SHAPE, len(planes))
        index = (row.astype(np.int64) * SHAPE[1] + column) * len(planes) + place[plane]
        event = np.repeat(np.arange(len(self)), np.diff(self.offsets))[wanted]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=len(self)))])
        images = Sparse.of(index[wanted].astype(np.int32), value[wanted].astype(np.float32), offsets, size)
        sums = {
            name: np.bincount(event, value[wanted] * (plane[wanted] == PLANES.index(name)), len(self))[rows].astype(
                float
            )
            for name in planes
        }
        return images[rows], sums


def open_shard(path: Path, truth: bool = True) -> Shard:
    """Open a shard and read what is known of its events, with `truth` also what is true of them.

    Raises:
        UserError: a damaged file, one without sparse images or with pickled objects, arrays that do not fit together.
    """
    known = npz.array_names(path)
    unread = () if truth else TRUTH
    for name in NEEDED:
        if name not in known and name not in unread:
            pickled = "images" in known and "offsets" not in known
            hint = "; 'wirechamber convert volume_images' makes shards of older files" if pickled else ""
            what = f"has no array {name!r}, so it holds no sparse volume images{hint}"
            raise UserError(Problem(what, (str(path),), expected=f"arrays {', '.join(NEEDED)}", received=known))
    offsets = npz.load_numbers(path, "offsets", kinds="iu").astype(np.int64)
    pixels = {name: npz.check_numbers(path, name, kinds=kinds).shape for name, kinds in PIXELS.items()}
    check_offsets(path, offsets, pixels)
    stored = [n for n in (*NUMBERS, *VECTORS, "source_file", "key") if n in known and n not in unread]
    kinds = {"source_file": "biufU"}
    columns = {
        name: np.array(npz.load_numbers(path, name, (2 if name in VECTORS else 1,), kinds.get(name, "biuf")))
        for name in stored
    }
    for name, values in columns.items():
        shape = (len(offsets) - 1, 3) if name in VECTORS else (len(offsets) - 1,)
        if values.shape != shape:
            what = "another number of values than events"
            raise UserError(Problem(what, (str(path), name), expected=str(list(shape)), received=list(values.shape)))
    check_values(path, columns)
    key = columns.pop("key", None)
    keys = event_keys(path, columns, len(offsets) - 1) if key is None else stored_keys(key, (str(path), "key"))
    return Shard(path, columns, keys, offsets)


def check_offsets(path: Path, offsets: NDArray[np.int64], pixels: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse offsets that do not grow from 0, or that do not fit the shapes of the pixels."""
    if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0 or (np.diff(offsets) < 0).any():
        raise UserError(Problem("not offsets", (str(path), "offsets"), expected="numbers that grow from 0"))
    for name, shape in pixels.items():
        if shape != (offsets[-1],):
            expected = f"({offsets[-1]},), as the offsets say"
            raise UserError(
                Problem("another number of pixels", (str(path), name), expected=expected, received=list(shape))
            )


def check_values(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Refuse metadata that are not finite, flags other than 0 and 1, and energies in another unit."""
    for name in set(columns) - {"source_file", "key"}:
        bad = np.flatnonzero(~np.isfinite(columns[name]))
        if len(bad):
            raise UserError(Problem(f"{len(bad)} values are not finite", (str(path), name), expected="finite values"))
    if "is_es" not in columns:
        return
    flags = columns["is_es"]
    if not np.isin(flags, [0, 1]).all():
        raise UserError(
            Problem("not a flag", (str(path), "is_es"), expected="0 or 1", received=flags[~np.isin(flags, [0, 1])][0])
        )
    largest = float(columns["particle_energy"].max(initial=0.0))
    if largest > LARGEST_ENERGY:
        what = "value out of range; is the energy in MeV? It has to be in GeV"
        expected = f"energies up to {LARGEST_ENERGY:g} GeV"
        raise UserError(Problem(what, (str(path), "particle_energy"), expected=expected, received=largest))


def event_keys(path: Path, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.uint64]:
    """Return a key for each of `rows` events from its source file and number."""
    source = columns.get("source_file")
    if source is None:
        file = np.full(rows, hash_text(path.stem))
    elif source.dtype.kind == "U":
        names, number = np.unique(source, return_inverse=True)
        file = np.array([hash_text(str(name)) for name in names], np.uint64)[number]
    else:
        file = hash_rows([source])
    return mix(file ^ hash_rows([columns.get("event", np.arange(rows))]), 0)
