"""Files of track states: which of their arrays or branches is which column."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from datasets.files.contents import Contents, Recognized
from datasets.tracks.files import END, NEEDED, OPTIONAL, START

logger = logging.getLogger(__name__)
NO_DZ = 'the file holds no dz: add "z": [z_start, z_end] in mm to the dataset'
JOB = {
    "application": "track_extrapolation",
    "model": {"name": "mlp", "preset": "small"},
    "tasks": {
        "state": {
            "targets": ["x", "y", "tx", "ty"],
            "transform": "kick",
            "loss": "mse",
            "metrics": ["track_residuals"],
        }
    },
}


def recognize(contents: Contents) -> Recognized | None:
    """Recognise a file that holds all columns of track states."""
    keys = guess_arrays(contents.arrays) if contents.arrays else guess_tree(contents.trees)
    return None if keys is None else Recognized("all columns of track states are there", keys, JOB)


def guess_tree(trees: Mapping[str, Iterable[str]]) -> dict[str, Any] | None:
    """Return the keys of the dataset that name tree and branches, for the tree with most columns; None without them."""
    found = {tree: guess_branches(names) for tree, names in trees.items()}
    tree, (branch_of, missing) = max(found.items(), key=lambda item: len(item[1][0]), default=("", ({}, [""])))
    if missing:
        return None
    if "dz" not in branch_of:
        logger.warning(NO_DZ)
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
    if width[starts[0]] < len(START) and not width.get("Z"):
        logger.warning(NO_DZ)
    return {} if arrays == {"start": "X", "end": "Y"} else arrays


WIDEST = 32
"""An array (N, M) with more columns is an image or a waveform, not states of tracks."""
