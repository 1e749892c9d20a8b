"""Predictions as a flat ROOT tree, to be opened together with the original file."""

import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.core.files import read_json, write_file
from app.core.libraries import uproot
from app.predictions import Predictions
from app.runs.directory import RunDirectory

TREE = "predictions"
ABOUT = "about"
"""Name of the string next to the tree: JSON with the run and the units."""


def run_facts(run: RunDirectory) -> dict[str, Any]:
    """Return what the file says of the run: its name, the commit, the data and the units."""
    provenance = read_json(run.provenance)
    return {"run": run.name, "commit": provenance.get("commit"), "dataset": provenance.get("dataset", {})}


def branches(predictions: Predictions) -> dict[str, Any]:
    """Return {branch: (N,)}: the columns of predictions.csv, of a baseline as <baseline>_<target>: no dots.

    In ROOT a dot in the name of a branch asks for a member of an object, a slash ends the name. Where two names would
    become one, the later gets a number. Integers stay integers of their size; texts are left out.
    """
    flat, branches = {"key": predictions.key, **predictions.flat()}, dict[str, Any]()
    flat = {name: values for name, values in flat.items() if values.dtype.kind != "U"}
    plain = {name for name in flat if name == _without_members(name)}
    for name, values in flat.items():
        kind = values.dtype.newbyteorder("=") if values.dtype.kind in "iub" else np.float64
        wanted = _without_members(name)
        others = (f"{wanted}_{number}" for number in itertools.count(2))
        free = (
            name
            if name in plain
            else next(n for n in itertools.chain([wanted], others) if n not in plain | branches.keys())
        )
        branches[free] = np.asarray(values, kind)
    return branches


def _without_members(name: str) -> str:
    return name.replace(".", "_").replace("/", "_")


def write_root(path: Path, predictions: Predictions, about: Mapping[str, Any]) -> None:
    """Write the tree atomically; arguments of `write_root_blocks`, with one block."""
    write_root_blocks(path, [predictions], about)


def write_root_blocks(path: Path, blocks: Iterable[Predictions], about: Mapping[str, Any]) -> None:
    """Write blocks of predictions with the same columns as one tree, atomically.

    Args:
        path: of the file.
        blocks: their events are the entries; there is at least one block.
        about: what else the file says, as JSON in the string `about`.
    """

    def write(part: Path) -> None:
        with uproot.recreate(part) as file:
            tree = None
            for content in map(branches, blocks):
                tree = tree or file.mktree(TREE, {name: values.dtype for name, values in content.items()})
                tree.extend(content)
            file[ABOUT] = json.dumps(dict(about))

    write_file(path, write)
