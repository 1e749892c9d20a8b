"""Files of track states: which of their arrays or branches is which column."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from app.core.errors import UserError
from datasets.files.contents import Contents, Recognized
from datasets.tracks.files import END, NEEDED, OPTIONAL, START, Layout, npz_reader, read_metadata, root_reader
from datasets.tracks.first_job import job_in_field

logger = logging.getLogger(__name__)
NO_DZ = 'the file holds no dz: add "z": [z_start, z_end] in mm to the dataset'
GUESSED = 'the file holds no dz: "z": %s is guessed from its tracks; give z_start and z_end in mm'
TRACKS = 20_000
"""Tracks of which the distance is guessed."""
LEAST_SLOPE = 0.01


def recognize(contents: Contents) -> Recognized | None:
    """Recognise a file that holds all columns of track states."""
    keys = guess_arrays(contents.arrays) if contents.arrays else guess_tree(contents.trees)
    if keys is None:
        return None
    job = job_in_field(read_metadata(contents.path))
    return Recognized("all columns of track states are there", {**keys, **guess_planes(contents, keys)}, job)


def guess_planes(contents: Contents, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return `z` of the dataset for a file without dz: from 0 to where its tracks, which are chords there, arrive.

    A track that bends evenly has the mean of its two slopes; the median over both directions is right to a per cent.
    """
    layout, is_tree = Layout(**keys), bool(contents.trees)
    if is_tree:
        has_dz = "dz" in layout.branches or "dz" in contents.trees[layout.tree or ""]
    else:
        has_dz = contents.arrays[layout.start][1] >= len(START) or len(contents.arrays.get("Z", ())) == 2
    if has_dz:
        return {}
    try:
        rows, read = (root_reader if is_tree else npz_reader)(contents.path, layout)
        columns = read(0, min(rows, TRACKS))
    except UserError:  # which the loader reports
        return {}
    distance = np.concatenate([columns[f"true_{name}"] - columns[name] for name in ("x", "y")])
    slope = np.concatenate([(columns[f"true_{name}"] + columns[name]) / 2 for name in ("tx", "ty")])
    told = (np.abs(slope) > LEAST_SLOPE) & np.isfinite(distance)
    dz = float(f"{np.median(distance[told] / slope[told]):.3g}") if told.any() else 0.0
    if dz <= 0:
        logger.warning(NO_DZ)
        return {}
    logger.warning(GUESSED, [0.0, dz])
    return {"z": [0.0, dz]}


def guess_tree(trees: Mapping[str, Iterable[str]]) -> dict[str, Any] | None:
    """Return the keys of the dataset that name tree and branches, for the tree with most columns; None without them."""
    found = {tree: guess_branches(names) for tree, names in trees.items()}
    tree, (branch_of, missing) = max(found.items(), key=lambda item: len(item[1][0]), default=("", ({}, [""])))
    if missing:
        return None
    branches = {column: branch for column, branch in branch_of.items() if column != branch}
    return {"tree": tree, **({"branches": branches} if branches else {})}


def guess_branches(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the branch of each column where its name is enough to guess it, and the needed columns without one."""
    lower = {name.lower(): name for name in names}
    branch_of: dict[str, str] = {}
    for column in (*NEEDED, *OPTIONAL):
        guesses = [column.replace("true_", prefix) for prefix in ("true_", "out_", "end_")]
        branch_of.update([(column, lower[guess]) for guess in guesses if guess in lower][:1])
    return branch_of, [column for column in NEEDED if column not in branch_of]


def guess_arrays(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Return the arrays of the start and the end of the tracks, nothing where these are X and Y; None without them.

    The start is X, else the first array of five or more columns; the end is Y, else the first other array of four or
    more.
    """
    width = {name: shape[1] for name, shape in shapes.items() if len(shape) == 2 and shape[1] <= WIDEST}
    starts = sorted((a for a, columns in width.items() if columns > len(END)), key=lambda a: a != "X")
    ends = sorted((a for a, columns in width.items() if columns >= len(END)), key=lambda a: a != "Y")
    if not starts or ends == starts[:1]:
        return None
    arrays = {"start": starts[0], "end": next(array for array in ends if array != starts[0])}
    return {} if arrays == {"start": "X", "end": "Y"} else arrays


WIDEST = 32
"""An array (N, M) with more columns is an image or a waveform, not states of tracks."""
