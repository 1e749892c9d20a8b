"""Metadata of older volume images: one dictionary per image, whose keys had several names in their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.volume_files import VECTORS

NAMES: Mapping[str, Sequence[str]] = {
    "event": ("event", "event_number"),
    "source_file": ("source_file", "file", "filename"),
    "is_es": ("is_es",),
    "particle_energy": ("particle_energy", "true_particle_energy"),
    "cluster_energy": ("cluster_energy", "main_cluster_energy"),
    "n_clusters": ("n_clusters", "n_clusters_in_volume"),
    "center_channel": ("center_channel",),
    "center_tick": ("center_tick", "center_time_tpc"),
    "match_id": ("match_id", "main_cluster_match_id"),
    "main_track_momentum": ("main_track_momentum", "momentum"),
    "neutrino_momentum": ("neutrino_momentum",),
}
"""What a column may be called; vectors may also stand as <name>_x, _y, _z."""
NEEDED = ("is_es", "particle_energy")
INTERACTIONS = {"es": 1, "cc": 0}
TYPES = {"event": np.int64, "is_es": np.int8, "n_clusters": np.int32, "match_id": np.int64}


def columns(rows: Sequence[Any], path: Path) -> dict[str, NDArray[Any]]:
    """Return the metadata column by column; keys of other names are left out.

    Raises:
        UserError: rows that are no dictionaries, lack what is needed, or differ in what they have.
    """
    place = (str(path), "metadata")
    for row in rows:
        if not isinstance(row, dict):
            expected = "a dictionary for each image"
            raise UserError(Problem("metadata of another kind", place, expected=expected, received=type(row).__name__))
    found = {name: _column(rows, name) for name in NAMES}
    kept = {name: values for name, values in found.items() if values is not None}
    for name in NEEDED:
        if name not in kept:
            expected = f"the key {NAMES[name][0]!r} in each row"
            raise UserError(
                Problem(f"metadata without {name!r}", place, expected=expected, received=sorted(map(str, rows[0])))
            )
    return {name: _typed(name, values, place) for name, values in kept.items()}


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any] | None:
    """Return the values of a column, None where not every row has them."""
    for key in NAMES[name]:
        if all(key in row for row in rows):
            return [row[key] for row in rows]
        parts = [f"{key}_{axis}" for axis in "xyz"]
        if name in VECTORS and all(part in row for part in parts for row in rows):
            return [[row[part] for part in parts] for row in rows]
    if name == "is_es" and all("interaction_type" in row for row in rows):
        return [INTERACTIONS.get(str(row["interaction_type"]).lower(), row["interaction_type"]) for row in rows]
    return None


def _typed(name: str, values: list[Any], place: tuple[str, str]) -> NDArray[Any]:
    if name == "source_file":
        return np.array([str(value) for value in values])
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise UserError(Problem(f"{name!r} is not a number in every row", place, received=values[0])) from None
    if name in VECTORS:  # one number for the plane of the file, or three
        array = np.repeat(array[:, None], 3, axis=1) if array.ndim == 1 else array
    return array.astype(TYPES.get(name, np.float32))
