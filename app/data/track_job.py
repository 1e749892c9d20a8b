"""A first job for a file of track states: which of its arrays or branches is which column."""

import logging
from pathlib import Path
from typing import Any

from app.core.errors import Problem, UserError
from app.data.columns import summarize
from datasets.files import root
from datasets.tracks.files import END, NEEDED, OPTIONAL, START

log = logging.getLogger(__name__)
NO_DZ = 'the file holds no dz: add "z": [z_start, z_end] in mm to the dataset'


def track_job(path: Path) -> dict[str, Any] | None:
    """Return the dataset and the task of a job for a file that holds all columns of track states, else None."""
    keys = guess_keys(path) if path.suffix.lower() == ".npz" or root.is_root(path) else None
    task = {"targets": ["x", "y", "tx", "ty"], "transform": "kick", "loss": "mse", "metrics": ["track_residuals"]}
    dataset = {"name": "track_states", "files": [str(path)], **(keys or {})}
    return None if keys is None else {"dataset": dataset, "tasks": {"state": task}}


def guess_keys(path: Path) -> dict[str, Any] | None:
    """Return the keys of the dataset that name the arrays or branches of track states; None where some are missing."""
    names_of = {name: [c.name for c in columns] for name, columns in summarize(path, most=0).items()}
    if "" in names_of:
        return guess_arrays(names_of[""])
    if not names_of:
        raise UserError(Problem("the file has no tree", (str(path),), expected="a tree with a branch per column"))
    tree, names = max(names_of.items(), key=lambda item: len(guess_branches(item[1])[0]))
    branch_of, missing = guess_branches(names)
    if missing:
        return None
    if "dz" not in branch_of:
        log.warning(NO_DZ)
    branches = {column: branch for column, branch in branch_of.items() if column != branch}
    return {"tree": tree.removeprefix(":"), **({"branches": branches} if branches else {})}


def guess_branches(names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the branch of each column where its name is enough to guess it, and the needed columns without one."""
    lower = {name.lower(): name for name in names}
    branch_of: dict[str, str] = {}
    for column in (*NEEDED, *OPTIONAL):
        guesses = [column.replace("true_", prefix) for prefix in ("true_", "out_", "end_")]
        branch_of.update([(column, lower[guess]) for guess in guesses if guess in lower][:1])
    return branch_of, [column for column in NEEDED if column not in branch_of]


def guess_arrays(names: list[str]) -> dict[str, Any] | None:
    """Return the arrays of the start and the end of the tracks, nothing where these are X and Y; None without them.

    The start is X, else the first array of five or more columns; the end is Y, else the first other array of four or
    more.
    """
    width: dict[str, int] = {}
    for name in names:
        array, table, _ = name.partition("[")
        if table and "," not in name:
            width[array] = width.get(array, 0) + 1
    starts = sorted((a for a, columns in width.items() if columns > len(END)), key=lambda a: a != "X")
    ends = sorted((a for a, columns in width.items() if columns >= len(END)), key=lambda a: a != "Y")
    if not starts or ends == starts[:1]:
        return None
    arrays = {"start": starts[0], "end": next(array for array in ends if array != starts[0])}
    if width[starts[0]] < len(START) and not width.get("Z"):
        log.warning(NO_DZ)
    return {} if arrays == {"start": "X", "end": "Y"} else arrays
