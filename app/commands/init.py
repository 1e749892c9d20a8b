"""`wirechamber init`: a job skeleton from a data file's own columns."""

import argparse
import json
import logging
import re
from pathlib import Path
from typing import Any

from app.commands._parser import read_path
from app.core.errors import Problem, UserError
from app.core.files import find_files, write_text
from app.data.columns import summarize
from app.runtime.console import console
from datasets.files import root
from datasets.tracks.files import END, NEEDED, OPTIONAL, START

log = logging.getLogger(__name__)
NO_DZ = 'the file holds no dz: add "z": [z_start, z_end] in mm to the dataset'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("data", type=read_path, help="a ROOT or npz file")
    parser.add_argument("--out", type=read_path, help="write the job file here instead of printing it")


def execute(options: argparse.Namespace) -> int:
    """Print the skeleton, or write it to a new file."""
    path = find_files([str(options.data)], ("init",), Path.cwd())[0]
    text = json.dumps(skeleton(path), indent=2) + "\n"
    if options.out is None:
        console.print(text, end="")
        return 0
    if options.out.exists():
        raise UserError(Problem("exists already", (str(options.out),), expected="the name of a new file"))
    write_text(options.out, text)
    console.print(f"written: {options.out}; check it with: wirechamber validate {options.out}")
    return 0


def skeleton(path: Path) -> dict[str, Any]:
    """Return a job for track states that are in `path`, with the names that the file uses."""
    return {
        "name": re.sub(r"[^A-Za-z0-9_.+-]+", "_", root.split_name(path)[0].stem).strip("_.+-") + "_mlp",
        "application": "track_extrapolation",
        "rationale": "First look.",
        "dataset": {"name": "track_states", "files": [str(path)], **guess_keys(path)},
        "model": {"name": "mlp", "preset": "small"},
        "tasks": {
            "state": {
                "targets": ["x", "y", "tx", "ty"],
                "transform": "kick",
                "loss": "mse",
                "metrics": ["track_residuals"],
            }
        },
        "training": {"epochs": 50, "batch_size": 256, "early_stopping": {"patience": 20}},
    }


def guess_keys(path: Path) -> dict[str, Any]:
    """Return the keys of the dataset that name the arrays or the branches of a file of track states."""
    names_of = {name: [c.name for c in columns] for name, columns in summarize(path, most=0).items()}
    if "" in names_of:
        return guess_arrays(names_of[""])
    if not names_of:
        raise UserError(Problem("the file has no tree", (str(path),), expected="a tree of track states"))
    tree, names = max(names_of.items(), key=lambda item: len(guess_branches(item[1])[0]))
    branch_of, missing = guess_branches(names)
    if missing:
        log.warning('name the branches of %s under "branches" in the dataset', ", ".join(missing))
    if "dz" not in branch_of:
        log.warning(NO_DZ)
    branches = {column: branch for column, branch in branch_of.items() if column != branch}
    branches |= dict.fromkeys(missing, "?")
    return {"tree": tree.removeprefix(":"), **({"branches": branches} if branches else {})}


def guess_branches(names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the branch of each column where its name is enough to guess it, and the needed columns without one."""
    lower = {name.lower(): name for name in names}
    branch_of: dict[str, str] = {}
    for column in (*NEEDED, *OPTIONAL):
        guesses = [column.replace("true_", prefix) for prefix in ("true_", "out_", "end_")]
        branch_of.update([(column, lower[guess]) for guess in guesses if guess in lower][:1])
    return branch_of, [column for column in NEEDED if column not in branch_of]


def guess_arrays(names: list[str]) -> dict[str, Any]:
    """Return the arrays of the start and the end of the tracks, nothing where these are X and Y.

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
        expected = "two arrays, of x, y, tx, ty, q/p, dz (N, 5 or more) and of x, y, tx, ty (N, 4 or more)"
        raise UserError(Problem("no arrays that look like track states", expected=expected, received=names))
    arrays = {"start": starts[0], "end": next(array for array in ends if array != starts[0])}
    if width[starts[0]] < len(START) and not width.get("Z"):
        log.warning(NO_DZ)
    return {} if arrays == {"start": "X", "end": "Y"} else arrays
