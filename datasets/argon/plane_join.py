"""Which rows of three planes show the same cluster: joined on event and match_id, never by row number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_files import Group, Plane
from datasets.argon.plane_layouts import Clusters
from datasets.pipeline.event_hash import hash_rows, hash_text, mix

Rows = NDArray[np.int64]
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Joined:
    """Clusters of one group of files that all wanted planes see.

    Attributes:
        rows: of each plane, (N,).
        clusters: their metadata, those of X where it is wanted.
        key: of their events, (N,): all clusters of an event have one.
        beside: further arrays by rows.
    """

    rows: Mapping[str, Rows]
    clusters: Clusters
    key: Keys
    beside: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, chosen: NDArray[Any]) -> Joined:
        rows = {plane: numbers[chosen] for plane, numbers in self.rows.items()}
        beside = {name: values[chosen] for name, values in self.beside.items()}
        return Joined(rows, self.clusters[chosen], self.key[chosen], beside)


def join(group: Group, planes: Mapping[str, Plane], tables: Mapping[str, Clusters], count: Counter[str]) -> Joined:
    """Return the clusters that all planes of the group see.

    Args:
        group: the files.
        planes: what each wanted plane holds.
        tables: metadata of each of them.
        count: told how many rows have no partner.

    Raises:
        UserError: metadata without event or match_id where planes have to be joined.
    """
    if len(planes) == 1 or group.matched:
        rows = {plane: np.arange(len(table)) for plane, table in tables.items()}
        if len(planes) > 1:
            rows = _with_partner(rows, planes, tables, count)
    else:
        rows = _common(planes, tables, count)
    chief = "x" if "x" in planes else next(iter(planes))
    found = tables[chief][rows[chief]]
    beside = {n: values[rows[chief]] for n, values in planes[chief].beside.items()}
    key = beside.pop("key", None)
    return Joined(rows, found, event_key(group.name, found) if key is None else key, beside)


def event_key(name: str, found: Clusters) -> Keys:
    """Return a key per cluster from the files' name and the event, equal for all clusters of an event.

    Old metadata have no event number; there the neutrino's energy stands for it, and for clusters without a neutrino
    all that is known of them.
    """
    if "event" in found.columns:
        event = hash_rows([found.columns["event"]])
    else:
        neutrino = found.columns["neutrino_energy"]
        rest = [*found.columns["position"].T, *found.columns["momentum"].T, found.columns["energy"]]
        event = np.where(neutrino > 0, hash_rows([neutrino]), hash_rows(rest))
    return mix(event ^ hash_text(name), 0)


def _with_partner(
    rows: dict[str, Rows], planes: Mapping[str, Plane], tables: Mapping[str, Clusters], count: Counter[str]
) -> dict[str, Rows]:
    """Drop the rows of matched images that are marked as having no partner."""
    chief = next(iter(planes))
    stored = planes[chief].match_ids
    ids = tables[chief].columns.get("match_id") if stored is None else stored
    good = np.ones(len(rows[chief]), bool) if ids is None else np.asarray(ids) >= 0
    count["without a partner in every plane"] += int((~good).sum())
    return {plane: numbers[good] for plane, numbers in rows.items()}


def _common(planes: Mapping[str, Plane], tables: Mapping[str, Clusters], count: Counter[str]) -> dict[str, Rows]:
    pairs = {}
    for plane, table in tables.items():
        if "match_id" not in table.columns:
            what = f"planes are joined on event and match_id, which metadata of {table.width} columns do not have"
            expected = "14 or 18 columns, or a single plane: 'planes': [\"x\"] in the dataset"
            raise UserError(Problem(what, (str(planes[plane].path),), expected=expected))
        pairs[plane] = np.stack([table.columns["event"], table.columns["match_id"]], axis=-1)
    once = {plane: _matched_once(pair, count) for plane, pair in pairs.items()}
    every = np.concatenate([pairs[plane][rows] for plane, rows in once.items()])
    _, number = np.unique(every, axis=0, return_inverse=True)
    parts = np.split(number.ravel(), np.cumsum([len(rows) for rows in once.values()])[:-1])
    labels = dict(zip(once, parts, strict=True))
    common = reduce(np.intersect1d, parts)
    count["without a partner in every plane"] += sum(len(part) - len(common) for part in parts)
    found = {}
    for plane, label in labels.items():
        order = np.argsort(label)
        found[plane] = once[plane][order[np.searchsorted(label, common, sorter=order)]]
    first = np.argsort(found[next(iter(found))], kind="stable")  # the order of the first file
    return {plane: rows[first] for plane, rows in found.items()}


def _matched_once(pairs: NDArray[np.float64], count: Counter[str]) -> Rows:
    """Return the rows that have a match_id, and one that no other row of their event has."""
    rows = np.flatnonzero(pairs[:, 1] >= 0)
    count["without a partner in every plane"] += len(pairs) - len(rows)
    _, inverse, number = np.unique(pairs[rows], axis=0, return_inverse=True, return_counts=True)
    single = number[inverse.ravel()] == 1
    count["with a match_id that occurs twice in a plane"] += int((~single).sum())
    return np.asarray(rows[single])
