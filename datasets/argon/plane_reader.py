"""From rows of cluster images to events: tensors, targets, what baselines need, and checks of the pixels."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.pixels import check_pixels
from datasets.argon.plane_axis import image_moments, principal_axes
from datasets.argon.plane_files import BESIDE_ROWS, Plane
from datasets.argon.plane_selection import GEV, Joined
from datasets.files import root
from datasets.files.damaged import OnBadFile
from datasets.pipeline.columns import exact_numbers, single_column
from datasets.pipeline.event_keys import Duplicates, hash_images, hash_rows
from datasets.pipeline.events import Column, Events

logger = logging.getLogger(__name__)

AXES = ("x", "y", "z")
DIRECTIONS = {
    f"direction_{a}": Column(f"direction_{a}", "", f"{a} of the particle's unit vector, in the canonical frame")
    for a in AXES
}
TARGETS = {
    "energy": Column("energy", "GeV", "true energy of the particle"),
    "is_main_track": Column("is_main_track", "", "1 for the main track of its event", ("other", "main_track")),
    "is_es": Column("is_es", "", "1 for elastic scatters on electrons, 0 for charged currents", ("cc", "es")),
}
POSITION = {f"position_{a}": Column(f"position_{a}", "cm", f"{a} of the truth, in the files' frame") for a in AXES}
STORED = {
    "cluster_energy": Column("cluster_energy", "GeV", "energy of the cluster as the files have it"),
    "neutrino_energy": Column("neutrino_energy", "GeV", "energy of the neutrino"),
    "event": Column("event", "", "number of the event in its file"),
    "match_id": Column("match_id", "", "number of the cluster in its event"),
}
NEUTRINO = {f"neutrino_{a}": Column(f"neutrino_{a}", "GeV", f"{a} of the neutrino's momentum") for a in AXES}
SIDE = {
    "apa": Column("apa", "", "anode that saw it"),
    "face": Column("face", "", "side of the anode, 0 for x < 0"),
}
NUMBERS = ("event", "match_id", *SIDE)
"""Columns that stay integers."""
AXIS = {f"axis_{a}": Column(f"axis_{a}", "", f"{a} of the principal axis of the charge in the images") for a in AXES}


@dataclass(frozen=True)
class Block:
    """Some clusters of one group of files."""

    planes: Mapping[str, Plane]
    chosen: Joined

    @property
    def place(self) -> tuple[str]:
        """Where a mistake is, for errors."""
        first = int(next(iter(self.chosen.rows.values()))[0]) if len(self.chosen) else 0
        return root.place_of(next(iter(self.planes.values())).path, first)


@dataclass
class Reader:
    """Turns a block into Events; the checks run when it is read for the first time.

    Attributes:
        targets: names of the targets.
        extras: names of the extras.
        duplicates: checks all blocks.
        on_bad_file: what to do with pixels that cannot be read.
    """

    targets: Sequence[str]
    extras: Sequence[str]
    duplicates: Duplicates
    on_bad_file: OnBadFile
    checked: set[int] = field(default_factory=set)

    def __call__(self, number: int, block: Block) -> Events:
        """Read block number `number`."""
        chosen, first = block.chosen, number not in self.checked
        try:
            images = {name: plane.images(chosen.rows[name]) for name, plane in block.planes.items()}
        except UserError as error:
            if self.on_bad_file == "stop":
                raise
            logger.warning("skipped: %s", error)
            chosen = chosen[np.empty(0, np.int64)]
            images = {name: np.empty((0, *plane.shape[1:]), np.float32) for name, plane in block.planes.items()}
        if first:
            for name, image in images.items():
                check_pixels(image, chosen.rows[name], name, (str(block.planes[name].path),))
        chosen, images = drop_empty(chosen, images, block, log=first)
        moments = {name: image_moments(values) for name, values in images.items()}
        values = stored_columns(chosen)
        values |= {f"charge_{name}": one.charge for name, one in moments.items()}
        values |= dict(zip(AXIS, principal_axes(moments).T, strict=True))
        columns = {
            name: exact_numbers(values[name]) if name in NUMBERS else single_column(name, values[name], block.place)
            for name in (*self.targets, *self.extras)
        }
        if first:  # equal pixels on one plane and equal metadata make a duplicate
            content = hash_images(next(iter(images.values()))) ^ hash_rows([*chosen.clusters.columns.values()])
            self.duplicates.check(content, block.place)
            self.checked.add(number)
        return Events(
            {f"plane_{name}": values for name, values in images.items()}, columns, chosen.key, rows_of(chosen)
        )


def rows_of(chosen: Joined) -> NDArray[np.int64]:
    """Return the rows of the clusters in the file of plane X, else of the first plane."""
    return chosen.rows.get("x", next(iter(chosen.rows.values())))


def stored_columns(chosen: Joined) -> dict[str, NDArray[Any]]:
    """Return targets and extras that follow from the metadata, energies in GeV."""
    columns = chosen.clusters.columns
    side = {n: chosen.beside[n] for n in BESIDE_ROWS if n in SIDE and n in chosen.beside}
    numbers = {n: columns[n] * GEV if n.endswith("energy") else columns[n] for n in STORED if n in columns}
    if "momentum" not in columns:  # the truth was not read
        return numbers | side
    length = np.linalg.norm(columns["momentum"], axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = columns["momentum"] / length[:, None]
    values: dict[str, NDArray[Any]] = dict(zip(DIRECTIONS, unit.T, strict=True))
    values |= {name: columns[name] for name in TARGETS} | {"energy": columns["energy"] * GEV}
    values |= dict(zip(POSITION, columns["position"].T, strict=True))
    values |= numbers
    neutrino = columns.get("neutrino_momentum", chosen.beside.get("neutrino_momentum"))
    values |= {} if neutrino is None else dict(zip(NEUTRINO, np.asarray(neutrino).T, strict=True))
    return values | side


def known_columns(planes: Sequence[str]) -> dict[str, Column]:
    """Return every column that files may have, and those that are made of the images."""
    charge = {f"charge_{p}": Column(f"charge_{p}", "ADC", f"sum over the image of plane {p.upper()}") for p in planes}
    return {**DIRECTIONS, **TARGETS, **charge, **AXIS, **POSITION, **STORED, **NEUTRINO, **SIDE}


def drop_empty(chosen: Joined, images: dict[str, Any], block: Block, *, log: bool) -> tuple[Joined, dict[str, Any]]:
    """Drop clusters with an image of zeros; raises UserError when all images of a plane are zero."""
    good = np.ones(len(chosen), bool)
    for name, values in images.items():
        lit = values.any(axis=(1, 2))
        if len(lit) and not lit.any():
            what = f"the images of plane {name.upper()} are all zero"
            raise UserError(Problem(what, (str(block.planes[name].path),), expected="ADC counts"))
        good &= lit
    if good.all():
        return chosen, images
    if log:
        logger.warning("%s: %d of %d images are all zero and were dropped", *block.place, (~good).sum(), len(good))
    rows = np.flatnonzero(good)
    return chosen[rows], {name: values[rows] for name, values in images.items()}
