"""Volumes of liquid argon around a neutrino interaction as three planes of wires see them: which interaction it was."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.types import Count, Range
from datasets import DATASETS
from datasets.argon.plane_selection import GEV, Interaction, balance_rows
from datasets.argon.recognize import recognize_volumes
from datasets.argon.volume_files import SHAPE, Shard, open_shard
from datasets.files import npz
from datasets.files.damaged import OnBadFile, load_readable
from datasets.files.shards import read_facts
from datasets.pipeline.arrays import Sparse
from datasets.pipeline.columns import exact_numbers, single_column
from datasets.pipeline.event_keys import Duplicates, hash_rows, mix
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.plane_images import Normalization, Wanted

logger = logging.getLogger(__name__)

AXES = ("x", "y", "z")
DIRECTIONS = {
    f"direction_{a}": Column(f"direction_{a}", "", f"{a} of the main track's unit vector, in the files' frame")
    for a in AXES
}
TARGETS = {
    "is_es": Column("is_es", "", "1 for elastic scatters on electrons, 0 for charged currents", ("cc", "es")),
    "energy": Column("energy", "GeV", "true energy of the main track's particle"),
}
STORED = {
    "cluster_energy": Column("cluster_energy", "GeV", "energy of the main cluster as the files have it"),
    "n_clusters": Column("n_clusters", "", "clusters in the volume"),
    "event": Column("event", "", "number of the event in its file"),
    "match_id": Column("match_id", "", "number of the main cluster in its event"),
}
NUMBERS = ("event", "match_id", "n_clusters")
"""Columns that stay integers."""
NEUTRINO = {f"neutrino_{a}": Column(f"neutrino_{a}", "GeV", f"{a} of the neutrino's momentum") for a in AXES}


@DATASETS("volume_images", quality="datasets.argon.volume_quality", reads=(".npz",), recognize=recognize_volumes)
def volume_images(
    files: Sequence[Path],
    *,
    planes: Wanted = ("u", "v", "x"),
    interaction: Interaction | None = None,
    energy: Range | None = None,
    balance: Literal["is_es"] | None = None,
    without_momentum: Literal["drop", "keep"] = "drop",
    normalization: Normalization = "asinh",
    sum_ticks: Count = 1,
    on_bad_file: OnBadFile = "stop",
    truth: bool = True,
) -> Source:
    """Images of 1 m x 1 m around a main track on the planes U, V, X, to tell elastic scatters from charged currents.

    The input `volume` (208 channels, 1242 ticks, planes) holds raw ADC counts; they are scaled by the model's first
    layer, `adc`, and stay with the model. Of its 258,336 pixels per plane 70 to 200 are not zero: files and memory hold
    only these, and batches are made dense one by one. A shard has `plane`, `row`, `column`, `value` of all pixels,
    `offsets` of the events, and an array for each column of metadata. Each event has its `charge_u`, `_v`, `_x`: what
    the images show beyond the total charge is seen by comparing with it.

    Args:
        files: npz shards, or a folder of them.
        planes: which planes a model sees.
        interaction: only elastic scatters on electrons, "es", or only charged currents, "cc".
        energy: only main tracks of these true energies [GeV].
        balance: equal numbers of both classes of "is_es", by dropping some of the larger one.
        without_momentum: "drop" events whose main track is not known, or "keep" them, and have no direction to learn.
        normalization: "raw" counts, "log" ln(1 + n), "asinh", or each image over its largest pixel, "per_image".
        sum_ticks: so many ticks are added before the model sees them; a divisor of 1242, e.g. 6 (0.48 cm).
        on_bad_file: "stop" at damaged files, or "skip" them and say how many.
        truth: false for files whose truth is not read, which can only be predicted; all of their events are taken.

    Raises:
        UserError: damaged files, pickled objects, pixels outside the image, nothing left of a selection, duplicates.
    """
    shards = load_readable(list(files), partial(open_shard, truth=truth), on_bad_file)
    keep = without_momentum == "keep"
    chosen = (interaction, energy, balance) if truth else (None, None, None)
    rows = select_rows(shards, *chosen, keep)
    directed = not keep and all("main_track_momentum" in shard.columns for shard in shards)
    targets = {**(TARGETS if truth else {}), **(DIRECTIONS if directed else {})}
    names = set.intersection(*(set(stored_columns(shard, np.arange(min(1, len(shard))))) for shard in shards))
    extras = {f"charge_{p}": Column(f"charge_{p}", "ADC", f"sum over the image of plane {p.upper()}") for p in planes}
    extras |= {name: column for name, column in {**STORED, **NEUTRINO}.items() if name in names}
    count = sum(map(len, rows))
    reader = Reader(planes, list(targets), list(extras), Duplicates(count, truth), on_bad_file)
    layer = {"name": "adc", "normalization": normalization, "sum_ticks": sum_ticks, "ticks": "columns"}
    columns = tuple(Column(f"adc_{plane}", "ADC", f"plane {plane.upper()}") for plane in planes)
    return Source(
        inputs={"volume": Input(columns, (*SHAPE, len(planes)), layer=layer)},
        targets=targets,
        extras=extras,
        blocks=[partial(reader, number, *one) for number, one in enumerate(zip(shards, rows, strict=True))],
        files=[str(shard.path) for shard in shards],
        rows=count,
        fingerprint=npz.fingerprint([shard.path for shard in shards]),
        description=f"{count:,} volumes on {', '.join(p.upper() for p in planes)} from {len(shards)} shards",
        facts=read_facts(shards[0].path),
        selects=True,
    )


@dataclass
class Reader:
    """Turns some rows of a shard into Events; the checks run when it is read for the first time."""

    planes: Sequence[str]
    targets: Sequence[str]
    extras: Sequence[str]
    duplicates: Duplicates
    on_bad_file: OnBadFile
    checked: set[int] = field(default_factory=set)

    def __call__(self, number: int, shard: Shard, rows: NDArray[np.intp]) -> Events:
        """Read block number `number`."""
        try:
            images, sums = shard.pixels(rows, self.planes)
        except UserError as error:
            if self.on_bad_file == "stop":
                raise
            logger.warning("skipped: %s", error)
            rows = rows[:0]
            nothing = np.empty(0, np.int32), np.empty(0, np.float32), np.zeros(1, np.int64)
            images = Sparse.of(*nothing, (*SHAPE, len(self.planes)))
            sums = dict.fromkeys(self.planes, np.empty(0))
        lit, place = np.sum(list(sums.values()), axis=0) > 0, (str(shard.path),)
        if number not in self.checked:
            if len(rows) and not lit.any():
                raise UserError(Problem("no image has a charge above 0", place, expected="events with pixels"))
            if not lit.all():
                logger.warning(
                    "%s: %d of %d images have no charge above 0 in sum and were dropped", *place, (~lit).sum(), len(lit)
                )
            stored = [values[rows] for values in shard.columns.values() if values.dtype.kind != "U"]
            self.duplicates.check(shard.key[rows] ^ hash_rows([*stored, *sums.values()]), place)
            self.checked.add(number)
        some = np.flatnonzero(lit)
        values = stored_columns(shard, rows[some]) | {f"charge_{p}": sums[p][some] for p in self.planes}
        columns = {
            name: exact_numbers(values[name]) if name in NUMBERS else single_column(name, values[name], place)
            for name in (*self.targets, *self.extras)
        }
        return Events({"volume": images[some]}, columns, shard.key[rows[some]], rows[some])


def stored_columns(shard: Shard, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    """Return targets and extras that follow from the metadata, energies in GeV."""
    columns = {name: values[rows] for name, values in shard.columns.items()}
    values = {name: columns[of] for name, of in (("is_es", "is_es"), ("energy", "particle_energy")) if of in columns}
    if "main_track_momentum" in columns:
        momentum = columns["main_track_momentum"].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            values |= dict(zip(DIRECTIONS, (momentum / np.linalg.norm(momentum, axis=1)[:, None]).T, strict=True))
    if "neutrino_momentum" in columns:
        values |= dict(zip(NEUTRINO, columns["neutrino_momentum"].T, strict=True))
    return values | {n: columns[n] * GEV if n == "cluster_energy" else columns[n] for n in STORED if n in columns}


def select_rows(
    shards: Sequence[Shard],
    interaction: Interaction | None,
    energy: tuple[float, float] | None,
    balance: str | None,
    without_momentum: bool,
) -> list[NDArray[np.intp]]:
    """Return the wanted rows of each shard, and log how many are dropped; raises UserError when none is left."""
    count, rows = Counter[str](), []
    for shard in shards:
        columns, good = shard.columns, np.ones(len(shard), bool)
        reasons: dict[str, Any] = {}
        if not without_momentum and "main_track_momentum" in columns:
            reasons["without a momentum"] = ~columns["main_track_momentum"].any(axis=1)
        if interaction is not None:
            other = "charged currents" if interaction == "es" else "elastic scatters"
            reasons[f"of {other}"] = (columns["is_es"] == 1) != (interaction == "es")
        if energy is not None:
            true = columns["particle_energy"]
            reasons[f"outside {energy[0]:g} to {energy[1]:g} GeV"] = ~((true >= energy[0]) & (true < energy[1]))
        for reason, bad in reasons.items():
            count[reason] += int((good & bad).sum())
            good &= ~bad
        rows.append(np.flatnonzero(good))
    if balance and any(map(len, rows)):
        classes = [shard.columns["is_es"][one] == 1 for shard, one in zip(shards, rows, strict=True)]
        places = [mix(shard.key[one] ^ hash_rows([one]), 7) for shard, one in zip(shards, rows, strict=True)]
        kept = balance_rows(classes, places, balance, count)
        rows = [one[chosen] for one, chosen in zip(rows, kept, strict=True)]
    for reason, dropped in count.items():
        if dropped:
            logger.info("dropped: %d events %s", dropped, reason)
    if not any(map(len, rows)):
        reasons = {reason: dropped for reason, dropped in count.items() if dropped}
        what = "no event is left" if reasons else "no events in these files"
        raise UserError(Problem(what, ("dataset",), expected="events that the selection keeps", received=reasons))
    return rows
