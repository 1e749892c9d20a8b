"""What `wirechamber inspect` reads of shards of volume images: classes, figures, planes, and one sample of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.argon.plane_layouts import energy_of
from datasets.argon.quality import Quality, Sample, Table, common_tables, energies_table, percent, share_of
from datasets.argon.volume_files import PLANES, SHAPE, Shard, open_shard
from datasets.files.damaged import load_readable
from datasets.pipeline.event_keys import hash_pixels, hash_rows
from datasets.pipeline.options import Split

COLLECTION = PLANES.index("x")
"""The plane from which the energies of clusters are."""


@dataclass(frozen=True)
class Pixels:
    """Figures of the pixels of N events: hash of the image, (N,); ADC sum and number of pixels by plane, (N, 3).

    `primitives` (N,) are runs of ticks with charge on a channel of X.
    """

    content: NDArray[np.uint64]
    charge: NDArray[np.float64]
    number: NDArray[np.int64]
    primitives: NDArray[np.int64]


def quality(files: Sequence[Path], options: Mapping[str, Any], split: Split | None = None) -> Quality:
    """Look at all events in the shards, before any of them is dropped.

    Args:
        files: files of the dataset.
        options: parameters of the dataset; `on_bad_file` is used.
        split: how events would be split.
    """
    shards = load_readable(list(files), open_shard, options["on_bad_file"])
    names = set.intersection(*(set(shard.columns) for shard in shards)) - {"source_file"}
    columns = {name: np.concatenate([shard.columns[name] for shard in shards]) for name in sorted(names)}
    parts = [read_pixels(shard) for shard in shards]
    pixels = Pixels(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Pixels)))
    sample = sample_of(columns, np.concatenate([shard.key for shard in shards]), pixels)
    values = {
        "true energy [MeV]": sample.energy,
        "E(p) [MeV]": sample.by_momentum[sample.moving],
        "E(p) - E_true [MeV]": (sample.by_momentum - sample.energy)[sample.moving],
        "cluster energy [MeV]": columns.get("cluster_energy", np.empty(0)),
        "clusters": columns.get("n_clusters", np.empty(0)),
        f"pixels on {', '.join(p.upper() for p in PLANES)}": pixels.number.sum(axis=1),
        "primitives on X": pixels.primitives,
    }
    figures = energies_table("figures", "events", values, sample, has_momentum="main_track_momentum" in columns)
    tables = [classes_table(columns), figures, planes_table(columns, pixels), *common_tables(sample, split)]
    return Quality(tables, [sample])


def read_pixels(shard: Shard) -> Pixels:
    """Return figures of the pixels of a shard, whose order in the file does not matter."""
    plane, row, column, value = shard.read_pixels()
    event = np.repeat(np.arange(len(shard)), np.diff(shard.offsets))
    rows, ticks = SHAPE
    place = (plane.astype(np.int64) * rows + row) * (ticks + 1) + column  # a gap of one tick between channels
    lit = value > 0
    per_event = len(PLANES) * rows * (ticks + 1)
    filled = np.unique((event * per_event + place)[lit & (plane == COLLECTION)])
    begins = filled[np.append(True, np.diff(filled) > 1)[: len(filled)]] // per_event
    size = len(shard) * len(PLANES)
    of_plane = event * len(PLANES) + plane
    charge = np.asarray(np.bincount(of_plane, np.maximum(value, 0), size), np.float64).reshape(-1, len(PLANES))
    number = np.bincount(of_plane[lit], minlength=size).reshape(-1, len(PLANES))
    content = hash_pixels(event, place.astype(np.uint64), value, len(shard))
    return Pixels(content, charge, number, np.bincount(begins, minlength=len(shard)))


def sample_of(columns: Mapping[str, Any], key: NDArray[np.uint64], pixels: Pixels) -> Sample:
    """Return the sample of all volumes.

    The cluster energy is that of the main cluster and primitives are those of the whole volume: they are compared in
    events of one cluster, or in all where their number is not known.
    """
    momentum = columns.get("main_track_momentum", np.zeros((len(key), 3)))
    moving = momentum.any(axis=1)
    energy = columns.get("cluster_energy")
    shares = {f"charge on {p.upper()}": float((pixels.number[:, i] > 0).mean()) for i, p in enumerate(PLANES)}
    if "match_id" in columns:
        shares["with a match_id"] = float((columns["match_id"] >= 0).mean())
    return Sample(
        name="all planes",
        noun="events of one cluster",
        key=key,
        pixels=pixels.content,
        content=pixels.content ^ hash_rows([*columns.values()]),
        charge=pixels.charge.sum(axis=1),
        primitives=pixels.primitives,
        is_es=columns["is_es"] == 1,
        is_main=np.ones(len(key), bool),
        energy=1e3 * columns["particle_energy"].astype(np.float64),
        by_momentum=np.where(moving, energy_of(momentum.astype(np.float64)), np.nan),
        cluster_energy=None if energy is None else energy.astype(np.float64),
        tested=moving & (columns.get("n_clusters", np.ones(len(key))) == 1),
        shares=shares,
    )


def classes_table(columns: Mapping[str, Any]) -> Table:
    """Return how many events there are of each interaction, and their median energy."""
    elastic, energy = columns["is_es"] == 1, columns["particle_energy"]
    rows = []
    for name, chosen in (("ES", elastic), ("CC", ~elastic), ("all", np.ones_like(elastic))):
        median = f"{1e3 * np.median(energy[chosen]):.4g}" if chosen.any() else "-"
        rows.append([name, f"{chosen.sum():,}", percent(share_of(int(chosen.sum()), len(chosen))), median])
    return "classes", ["", "events", "share", "median energy [MeV]"], rows


def planes_table(columns: Mapping[str, Any], pixels: Pixels) -> Table:
    """Return how many events each plane sees at all: an empty one says that planes were not matched."""
    rows = []
    for i, plane in enumerate(PLANES):
        number, charge = pixels.number[:, i], pixels.charge[:, i]
        share = percent(share_of(int((number > 0).sum()), len(number)))
        medians = [f"{np.median(v):.4g}" if len(v) else "-" for v in (number, charge)]
        rows.append([plane.upper(), f"{(number > 0).sum():,}", share, *medians])
    if "match_id" in columns:
        named = int((columns["match_id"] >= 0).sum())
        rows.append(["with a match_id", f"{named:,}", percent(share_of(named, len(columns["match_id"]))), "", ""])
    return "planes", ["plane", "events with charge", "share", "pixels, median", "ADC, median"], rows
