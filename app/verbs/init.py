"""`wirechamber init`: a job skeleton from a data file's own columns."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

from app.console import console
from app.core.errors import Problem, UserError
from app.core.files import matching, write_text
from app.data_file import summarize
from datasets._track_files import START

log = logging.getLogger(__name__)


def execute(options: argparse.Namespace) -> int:
    """Print the skeleton, or write it to a new file."""
    path = matching([str(options.data)], ("init",))[0]
    text = json.dumps(skeleton(path), indent=2) + "\n"
    if options.out is None:
        console.print(text, markup=False, end="")
        return 0
    if options.out.exists():
        raise UserError(Problem("exists already", (str(options.out),), expected="the name of a new file"))
    write_text(options.out, text)
    console.print(f"written: {options.out}; check it with: wirechamber validate {options.out}")
    return 0


def skeleton(path: Path) -> dict[str, Any]:
    """Return a job for track states that are in `path`, with the names that the file uses."""
    return {
        "name": f"{path.stem}_mlp",
        "application": "track_extrapolation",
        "rationale": "First look.",
        "dataset": {"name": "track_states", "files": [str(path)], **_columns(path)},
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


def _columns(path: Path) -> dict[str, Any]:
    found = {name: [c.name for c in columns] for name, columns in summarize(path).items()}
    if "" in found:
        return _arrays(found[""])
    tree, names = next(iter(found.items()))
    lower = {name.lower(): name for name in names}
    wanted = [*START, *(f"true_{name}" for name in START[:4]), "p", "z_start"]
    return {
        "tree": tree.removeprefix(":"),
        "branches": {w: lower.get(w, lower.get(w.replace("true_", "out_"), w)) for w in wanted},
    }


def _arrays(names: list[str]) -> dict[str, Any]:
    """Take the first two arrays with five or more columns as start and end, unless X and Y are there."""
    width: dict[str, int] = {}
    for name in names:
        array = name.partition("[")[0]
        width[array] = width.get(array, 0) + 1
    states = [array for array, columns in width.items() if columns >= 4]
    if {"X", "Y"} <= set(states):
        return {}
    if len(states) < 2:
        raise UserError(
            Problem("no arrays that look like track states", expected="two arrays (N, 4 or more)", received=names)
        )
    facts: dict[str, Any] = {"start": states[0], "end": states[1]}
    if width[states[0]] < 6:
        log.warning('the arrays hold no dz: add "z": [z_start, z_end] in mm to the dataset')
    return facts
