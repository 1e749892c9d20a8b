"""Muons as a trigger sees them: one azimuth in each detector layer, or none."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.types import Count, Listed
from datasets import DATASETS
from datasets.files import npz
from datasets.muons.columns import COLUMNS
from datasets.muons.recognize import recognize_layers
from datasets.pipeline.columns import single_column
from datasets.pipeline.event_keys import hash_rows
from datasets.pipeline.events import Column, Events, Input, Source

logger = logging.getLogger(__name__)

TARGETS = {name: COLUMNS[name] for name in ("pt", "charge", "positive", "q_over_pt")}
EXTRAS = {"n_hits": Column("n_hits", "", "layers with a hit")}
CHANNELS = (Column("value", "", "azimuth of the hit, 0 without one"), Column("present", "", "1: the layer has a hit"))
ODD = ("charge", "q_over_pt")
"""Columns that change sign with the charge."""


@dataclass(frozen=True)
class ArrayBlock:
    """Some rows of the arrays of one prefix in a file; `split.files` matches its `name`."""

    path: Path
    prefix: str
    rows: slice
    name: str


@dataclass(frozen=True)
class LayerMirror:
    """Mirrors each event at random: a value v of a layer becomes 2 c - v, and the charge changes sign.

    A muon of the other charge bends the other way, with equal probability.

    Not exact: overlaps of chambers and dead channels are not symmetric.

    Args:
        centres: c of each layer, (L,).
    """

    centres: NDArray[np.float32]

    def __call__(self, events: Events, bits: NDArray[np.uint64]) -> Events:
        """Return each event as it is, or its mirror image."""
        flipped = (bits & np.uint64(1)).astype(bool)
        layers = np.array(events.inputs["layers"])
        value, there = layers[..., 0], layers[..., 1] > 0
        layers[..., 0] = np.where(flipped[:, None] & there, 2.0 * self.centres - value, value)
        columns: dict[str, Any] = dict(events.columns)
        columns |= {name: np.where(flipped, -columns[name], columns[name]) for name in ODD}
        columns["positive"] = np.where(flipped, 1.0 - columns["positive"], columns["positive"]).astype(np.float32)
        return Events({**events.inputs, "layers": layers}, columns, events.key)


FLOAT32 = float(np.finfo(np.float32).max)
USUAL: dict[str, Any] = {"hits": "HITS", "pt": "PT_VAL", "charge": "SIGN", "prefixes": ("train_", "valid_")}
"""The arrays that a job reads when it names none."""


@DATASETS("layered_hits", reads=(".npz",), recognize=recognize_layers)
def layered_hits(
    files: Sequence[Path],
    *,
    prefixes: Annotated[Listed, Field(min_length=1)] = USUAL["prefixes"],
    hits: str = USUAL["hits"],
    pt: str = USUAL["pt"],
    charge: str = USUAL["charge"],
    absent: float = 0.0,
    min_hits: Count = 1,
    differences: bool = True,
    angles: tuple[Annotated[int, Field(ge=0)], ...] = (),
    mirror: float | None = None,
    straight: float = 0.0,
    blocks: Count = 10,
    truth: bool = True,
) -> Source:
    """Azimuths in L layers of an overlap trigger, with transverse momentum and charge, from npz files.

    The input `layers` (L, 2) holds the value of each layer's first hit, 0 without one, and whether there is one. The
    model's first layer, `layer_differences`, makes of it what bends: the difference of each pair of layers.

    A file may have parts of its own, e.g. for training and validation. Every part is read as `blocks` blocks, which are
    called `file.npz:PREFIX/NUMBER`, so that `split` can hold parts apart: {"files": {"train": "*:train_/[0-8]",
    "validation": "*:train_/9", "test": "*:valid_/*"}}.

    Args:
        files: npz files with, for every prefix, values (N, L) or (N, L, hits of a layer), pt (N,) [GeV], charge (N,).
        prefixes: what the arrays of each part begin with; "" for files without parts.
        hits: array of the values, after the prefix; of several hits in a layer the first is taken.
        pt: array of the transverse momenta.
        charge: array of the charges, 1 or -1.
        absent: the value that says that a layer has no hit.
        min_hits: least number of layers with a hit; what has fewer is left out and counted.
        differences: add the differences of all pairs of layers to the values themselves.
        angles: numbers, from 0, of the layers whose value is a bending angle: no difference is taken.
        mirror: mirror training events at random about this azimuth, anew in every pass, and their charge; null: do not.
        straight: value of the layers of angles for a straight muon, about which they are mirrored.
        blocks: number of blocks into which the rows of each part are cut, in their order.
        truth: false for files without momentum and charge, which can only be predicted.

    Raises:
        UserError: a damaged file, a missing array, shapes that do not fit, impossible values.
    """
    said: dict[str, Any] = {"hits": hits, "pt": pt, "charge": charge, "prefixes": tuple(prefixes)}
    names = {name: said[name] for name in (("hits", "pt", "charge") if truth else ("hits",))}
    shapes: dict[tuple[Path, str], tuple[int, ...]] = {}
    for path in files:
        there = prefixes if truth else [p for p in prefixes if p + hits in npz.array_names(path)] or [""]
        shapes |= {(path, prefix): read_shape(path, prefix, names) for prefix in there}
    layers = {shape[1] for shape in shapes.values()}
    if len(layers) > 1:
        what = "the parts have different numbers of layers"
        raise UserError(Problem(what, (str(files[0]),), expected="one number of layers", received=sorted(layers)))
    length = layers.pop()
    if angles and max(angles) >= length:
        raise UserError(
            Problem("no such layer", ("dataset", "angles"), expected=f"below {length}", received=max(angles))
        )
    parts = []
    for (path, prefix), shape in shapes.items():
        edges = np.linspace(0, shape[0], min(blocks, max(shape[0], 1)) + 1).astype(int).tolist()
        cuts = [slice(first, last) for first, last in pairwise(edges)]
        parts += [ArrayBlock(path, prefix, cut, f"{path}:{prefix}/{number}") for number, cut in enumerate(cuts)]
    centres = np.full(length, mirror or 0.0, np.float32)
    centres[list(angles)] = straight
    rows = sum(shape[0] for shape in shapes.values())
    if not rows:
        received = [str(path) for path in files[:3]]
        raise UserError(Problem("no events in these files", ("dataset", "files"), received=received))
    read = partial(read_block, names=names, absent=absent, min_hits=min_hits)
    layer = {"name": "layer_differences", "pairs": differences, "angles": list(angles)}
    return Source(
        inputs={"layers": Input(CHANNELS, (length, 2), layer=layer)},
        targets=TARGETS if truth else {},
        extras=EXTRAS,
        blocks=[partial(read, part) for part in parts],
        files=[part.name for part in parts],
        rows=rows,
        fingerprint=npz.fingerprint(files, {name: value for name, value in said.items() if value != USUAL[name]}),
        description=f"{rows:,} muons in layers, in {len(files)} file{'s' * (len(files) > 1)}",
        augment=None if mirror is None else LayerMirror(centres),
        selects=True,
    )


def read_shape(path: Path, prefix: str, names: Mapping[str, str]) -> tuple[int, ...]:
    """Return the shape of the values; raises UserError when the arrays have different numbers of rows."""
    shapes = {name: npz.check_numbers(path, prefix + array, range(4)).shape for name, array in names.items()}
    shape = shapes["hits"]
    if len(shape) not in (2, 3) or any(other != shape[:1] for name, other in shapes.items() if name != "hits"):
        expected = "values (N, layers) or (N, layers, hits), pt and charge (N,)"
        received = {prefix + names[name]: other for name, other in shapes.items()}
        raise UserError(Problem("the shapes do not fit", (str(path),), expected=expected, received=received))
    return shape


def read_block(block: ArrayBlock, names: Mapping[str, str], absent: float, min_hits: int) -> Events:
    """Read one block; muons with too few hits are left out and counted.

    Raises:
        UserError: values that are not finite, momenta not above 0, charges other than 1 and -1.
    """
    arrays: dict[str, Any] = {
        name: np.asarray(npz.load_array(block.path, block.prefix + array)[block.rows], np.float64)
        for name, array in names.items()
    }
    values = arrays["hits"] if arrays["hits"].ndim == 2 else arrays["hits"][..., 0]
    present = values != absent
    counts = present.sum(axis=1)
    kept = counts >= min_hits
    if not kept.all():
        logger.info(
            "%s: left out %d of %d muons with fewer than %d hits", block.name, (~kept).sum(), len(kept), min_hits
        )
    wrong = {
        "values are not finite in float32": (~(np.abs(values) <= FLOAT32).all(axis=1), "finite values up to 3.4e38")
    }
    truth = [arrays[name] for name in ("pt", "charge") if name in arrays]
    if truth:
        pt, charge = truth
        wrong["momenta are not finite or not above 0"] = ~(np.isfinite(pt) & (pt > 0)), "pt > 0 GeV"
        wrong["charges are neither 1 nor -1"] = np.abs(charge) != 1, "charge +1 or -1"
    for what, (bad, expected) in wrong.items():
        if bad.any():
            row = block.rows.start + int(np.flatnonzero(bad)[0])
            raise UserError(Problem(f"{bad.sum()} {what}, the first in row {row}", (block.name,), expected=expected))
    columns = {"n_hits": counts}
    if truth:
        columns = {"pt": pt, "charge": charge, "positive": charge > 0, "q_over_pt": charge / pt, **columns}
    rows = np.flatnonzero(kept)  # what is left out may hold anything
    single = {name: single_column(name, column[rows], (block.name,)) for name, column in columns.items()}
    layers = np.stack([np.where(present, values, 0.0), present], axis=-1)[rows]
    return Events(
        {"layers": layers.astype(np.float32)}, single, hash_rows([*truth, values])[rows], block.rows.start + rows
    )
