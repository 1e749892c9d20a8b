"""Track states before and after a magnet: x, y [mm], tx, ty, q/p [1/GeV] at z_start, and the state at z_start + dz."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.core.errors import Problem, UserError
from app.core.types import Range
from app.physics.magnetic_field import FIELDS
from datasets import DATASETS
from datasets.pipeline.columns import single_column
from datasets.pipeline.event_keys import Duplicates, hash_rows
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.tracks.checks import (
    check_charged,
    check_finite,
    check_one_origin,
    check_planes,
    check_qop_unit,
    check_ranges,
    check_well_posed,
    magnet_of,
)
from datasets.tracks.files import Block, Layout, check_layout, file_blocks, fingerprint, read_metadata
from datasets.tracks.recognize import recognize

logger = logging.getLogger(__name__)

STATE = (
    Column("x", "mm", "horizontal position at z_start"),
    Column("y", "mm", "vertical position at z_start"),
    Column("tx", "", "dx/dz at z_start"),
    Column("ty", "", "dy/dz at z_start"),
    Column("qop", "1/GeV", "charge over momentum"),
    Column("dz", "mm", "distance in z to the end state"),
)
Z_START = Column("z_start", "mm", "z of the start state")
ENDS = {
    "x": Column("x", "mm", "horizontal position at z_start + dz"),
    "y": Column("y", "mm", "vertical position at z_start + dz"),
    "tx": Column("tx", "", "dx/dz at z_start + dz"),
    "ty": Column("ty", "", "dy/dz at z_start + dz"),
}
QOP_TO_INVERSE_GEV = {"1/GeV": 1.0, "1/MeV": 1000.0, "c/GeV": 1.0 / 0.299792458}
QopUnit = Literal["1/GeV", "1/MeV", "c/GeV"]


@DATASETS("track_states", reads=(".npz", ".root"), recognize=recognize)
def track_states(
    files: Sequence[Path],
    *,
    qop_unit: QopUnit | None = None,
    z_start: bool = False,
    z: Range | None = None,
    start: str = "X",
    end: str = "Y",
    momentum: str | None = "P",
    planes: str | None = "Z",
    tree: str | None = None,
    branches: dict[str, str] | None = None,
    on_invalid: Literal["stop", "drop"] = "stop",
    field: FIELDS.spec | None = None,
    truth: bool = True,
) -> Source:
    """Track states through a magnet, from npz files (one, or shards) or ROOT trees with one branch per column.

    Args:
        files: npz or ROOT files (`file.root:tree`); each is one block, a large one several.
        qop_unit: unit of q/p in the files: "1/GeV" (ours), "1/MeV", or "c/GeV" for 0.299792458 q/p [1/GeV].
        z_start: make z_start a seventh input; needed when it varies.
        z: z of the start and end planes [mm], for files that store neither dz nor z.
        start: npz array (N, 5 or 6) of x, y, tx, ty, q/p, dz at the start.
        end: npz array (N, 4 or more) of x, y, tx, ty at the end.
        momentum: npz array (N,) of p [GeV]; where it is missing, or null, p = 1/|q/p|.
        planes: npz array (N, 2) of z_start, z_end [mm]; null when `Z` is something else.
        tree: name of the ROOT tree; not needed when the file has one.
        branches: ROOT branch of each column whose branch has another name (x, y, tx, ty, qop, dz, true_x, ...).
        on_invalid: "stop" at rows that are not finite, or "drop" them and log how many.
        field: magnetic field of files that do not state their own, for what needs one (mirror, baselines, physics).
        truth: false for start states without an end, which can only be predicted, or be the unlabelled states of a job.

    Raises:
        UserError: a damaged file, names that no file has or reads, a wrong unit, values that are not finite or out of
            range, duplicates, a varying z_start that is no input, files of different fields.
    """
    layout = Layout(start, end, momentum, planes, tree, branches or {}, truth)
    check_layout(layout, files)
    facts = [read_metadata(path) for path in files]
    check_one_origin(facts, files)
    parts = [block for path in files for block in file_blocks(path, layout)]
    if not parts:
        raise UserError(Problem("no tracks in these files", ("dataset", "files"), received=[str(p) for p in files[:3]]))
    rows = sum(block.rows for block in parts)
    reader = Reader(qop_unit or "1/GeV", z, z_start, on_invalid == "drop", Duplicates(rows, truth), truth)
    columns = (*STATE, Z_START) if z_start else STATE
    return Source(
        inputs={"state": Input(columns, (len(columns),))},
        targets=ENDS if truth else {},
        extras={"p": Column("p", "GeV", "momentum")},
        blocks=[partial(reader, number, block) for number, block in enumerate(parts)],
        files=[str(block.path) for block in parts],
        rows=rows,
        fingerprint=fingerprint(files, layout),
        description=f"{rows:,} tracks in {len(files)} file{'s' * (len(files) > 1)}",
        facts=facts[0],
        magnet=magnet_of(facts[0], field, None if z_start else common_start(z, facts[0], parts[0])),
        selects=True,
    )


def common_start(z: tuple[float, float] | None, facts: Mapping[str, Any], block: Block) -> float | None:
    """Return the one z at which all tracks begin [mm]: from the job, the metadata or the first block."""
    if z is not None:
        return z[0]
    if isinstance(facts.get("z_start"), (int, float)):
        return float(facts["z_start"])
    stored = block.read().get("z_start")
    return None if stored is None else float(stored[0])


@dataclass
class Reader:
    """Turns a block into Events; the checks run when a block is read for the first time."""

    unit: str
    z: tuple[float, float] | None
    with_z_start: bool
    drop: bool
    duplicates: Duplicates
    truth: bool = True
    checked: set[int] = dataclass_field(default_factory=set)
    starts: set[float] = dataclass_field(default_factory=set)

    def __call__(self, number: int, block: Block) -> Events:
        """Read block number `number`."""
        columns = self.convert(block.read(), block.place)
        rows = block.first + np.arange(block.rows)
        if self.drop:
            good = np.all([np.isfinite(a) for a in columns.values() if a.dtype.kind == "f"], axis=0)
            if number not in self.checked and not good.all():
                what = "%s: %d of %d rows are not finite and were dropped"
                logger.warning(what, block.place[0], (~good).sum(), len(good))
            columns, rows = {name: array[good] for name, array in columns.items()}, rows[good]
        key = columns.pop("key", None)
        key = hash_rows([columns[name] for name in sorted(columns)]) if key is None else key
        if number not in self.checked:
            if len(key):  # not all rows were dropped
                self.check(columns, key, block.place)
            self.checked.add(number)
        columns.setdefault("p", 1.0 / np.abs(columns["qop"]))
        names = [c.name for c in STATE]
        inputs = [*names, "z_start"] if self.with_z_start else names
        state = np.stack([single_column(name, columns[name], block.place) for name in inputs], axis=-1)
        true = {name: columns[f"true_{name}"] for name in ENDS if self.truth}
        ends = {name: single_column(f"true_{name}", column, block.place) for name, column in true.items()}
        return Events({"state": state}, {**ends, "p": single_column("p", columns["p"], block.place)}, key, rows)

    def convert(self, columns: dict[str, Any], place: tuple[str]) -> dict[str, Any]:
        """Return columns in float64, keys in uint64, with q/p in 1/GeV, dz, and z_start where it is an input."""
        for name, array in columns.items():
            kinds, kind, number = ("iu", np.uint64, "integer") if name == "key" else ("iuf", np.float64, "number")
            if array.ndim != 1 or array.dtype.kind not in kinds:
                what, expected = "not a column of numbers", f"one {number} per event"
                raise UserError(Problem(what, (*place, name), expected=expected, received=str(array.dtype)))
            columns[name] = array.astype(kind)
        columns["qop"] = columns["qop"] * QOP_TO_INVERSE_GEV[self.unit]
        if self.z is not None:
            check_planes(columns, self.z, place)
            columns["z_start"] = np.full_like(columns["x"], self.z[0])
            columns["dz"] = np.full_like(columns["x"], self.z[1] - self.z[0])
        for name in ("dz", "z_start") if self.with_z_start else ("dz",):
            if name not in columns:
                raise UserError(
                    Problem(f"the file has no {name}", place, expected="'z': [z_start, z_end] in the dataset")
                )
        return columns

    def check(self, columns: dict[str, Any], key: Any, place: tuple[str]) -> None:
        """Refuse values that are not finite, in another unit or out of range, duplicates, a z_start that varies."""
        check_finite(columns, place)
        check_charged(columns, place)
        check_qop_unit(columns, place)
        check_ranges(columns, place)
        self.duplicates.check(key, place)
        if "z_start" in columns and not self.with_z_start:
            self.starts |= {float(v) for v in np.unique(columns["z_start"])[[0, -1]]}
            check_well_posed(self.starts, place)
