"""Which clusters become events: joined on event and match_id, never by row number, then selected and balanced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_files import Group, Plane
from datasets.argon.plane_layouts import Clusters, moving
from datasets.pipeline.columns import exact_numbers, join_column
from datasets.pipeline.event_keys import hash_rows, hash_text, mix, stored_keys

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
        count: counts how many rows have no partner.

    Raises:
        UserError: metadata without event or match_id where planes have to be joined.
    """
    if len(planes) == 1 or group.matched:
        rows = {plane: np.arange(len(table)) for plane, table in tables.items()}
        if len(planes) > 1:  # rows of matched images that are marked as having no partner are dropped
            first = next(iter(planes))
            stored = planes[first].match_ids
            ids = tables[first].columns.get("match_id") if stored is None else stored
            good = np.ones(len(rows[first]), bool) if ids is None else np.asarray(ids) >= 0
            count["without a partner in every plane"] += int((~good).sum())
            rows = {plane: numbers[good] for plane, numbers in rows.items()}
    else:
        rows = common_rows(planes, tables, count)
    chief = "x" if "x" in planes else next(iter(planes))
    clusters = tables[chief][rows[chief]]
    beside = {n: values[rows[chief]] for n, values in planes[chief].beside.items()}
    stored = beside.pop("key", None)
    place = (str(planes[chief].path), "key")
    key = event_key(group.name, clusters) if stored is None else stored_keys(stored, place)
    return Joined(rows, clusters, key, beside)


def event_key(name: str, clusters: Clusters) -> Keys:
    """Return a key per cluster from the files' name and the event, equal for all clusters of an event.

    Old metadata have no event number; there the neutrino's energy takes its place, and for clusters without a neutrino
    all that is known of them. Where the truth is not read each of them counts as an event.
    """
    columns = clusters.columns
    if "event" in columns:
        event = hash_rows([columns["event"]])
    elif "row" in columns:
        event = hash_rows([columns["row"]])
    else:
        neutrino = columns["neutrino_energy"]
        rest = [*columns["position"].T, *columns["momentum"].T, columns["energy"]]
        event = np.where(neutrino > 0, hash_rows([neutrino]), hash_rows(rest))
    return mix(event ^ hash_text(name), 0)


def _number_pairs(first: NDArray[Any], second: NDArray[Any]) -> Rows:
    """Return numbers (N,) that are equal where both columns are equal."""
    columns = [np.unique(column, return_inverse=True)[1].ravel() for column in (first, second)]
    return np.asarray(np.unique(np.stack(columns, axis=-1), axis=0, return_inverse=True)[1].ravel())


def common_rows(planes: Mapping[str, Plane], tables: Mapping[str, Clusters], count: Counter[str]) -> dict[str, Rows]:
    """Return the rows of each plane that show the same clusters, joined on event and match_id; see `join`."""
    pairs = {}
    for plane, table in tables.items():
        if "match_id" not in table.columns:
            what = f"planes are joined on event and match_id, which metadata of {table.width} columns do not have"
            expected = "14 or 18 columns, or a single plane: 'planes': [\"x\"] in the dataset"
            if table.width == 0:
                what, expected = "planes are joined on event and match_id", "arrays of these names, or metadata"
            raise UserError(Problem(what, (str(planes[plane].path),), expected=expected))
        pairs[plane] = [exact_numbers(table.columns[n]) for n in ("event", "match_id")]
    once = {plane: rows_matched_once(pair[0], pair[1], count) for plane, pair in pairs.items()}
    # Column by column: NumPy joins columns and planes of different types as float64.
    events, matches = ([pairs[plane][i][rows] for plane, rows in once.items()] for i in (0, 1))
    number = _number_pairs(join_column("event", events), join_column("match_id", matches))
    parts = np.split(number.ravel(), np.cumsum([len(rows) for rows in once.values()])[:-1])
    labels = dict(zip(once, parts, strict=True))
    common = reduce(np.intersect1d, parts)
    count["without a partner in every plane"] += sum(len(part) - len(common) for part in parts)
    joined = {}
    for plane, label in labels.items():
        order = np.argsort(label)
        joined[plane] = once[plane][order[np.searchsorted(label, common, sorter=order)]]
    first = np.argsort(joined[next(iter(joined))], kind="stable")  # the order of the first file
    return {plane: rows[first] for plane, rows in joined.items()}


def rows_matched_once(event: NDArray[Any], match_id: NDArray[Any], count: Counter[str]) -> Rows:
    """Return the rows that have a match_id, and one that no other row of their event has."""
    rows = np.flatnonzero(match_id >= 0)
    count["without a partner in every plane"] += len(event) - len(rows)
    pair = _number_pairs(event[rows], match_id[rows])
    single = np.bincount(pair)[pair] == 1
    count["with a match_id that occurs twice in a plane"] += int((~single).sum())
    return np.asarray(rows[single])


Interaction = Literal["es", "cc"]
Balance = Literal["is_es", "is_main_track"]
GEV = 1e-3
"""One MeV [GeV]."""


@dataclass(frozen=True)
class Selection:
    """The clusters to keep; None keeps all.

    Attributes:
        main_track: only main tracks, or only others.
        interaction: only elastic scatters, or only charged currents; other clusters of such events count with them.
        energy: range of the particle's true energy [GeV].
        without_momentum: keep clusters of no known particle.
    """

    main_track: bool | None
    interaction: Interaction | None
    energy: tuple[float, float] | None
    without_momentum: bool

    def apply(self, joined: Joined, count: Counter[str]) -> Joined:
        """Return the clusters that are kept, and count the others by the first reason against them."""
        columns, good = joined.clusters.columns, np.ones(len(joined), bool)
        reasons: dict[str, NDArray[np.bool_]] = {}
        if not self.without_momentum:
            reasons["without a momentum"] = ~moving(columns["momentum"])
        if self.main_track is not None:
            kind = "that are no main track" if self.main_track else "of main tracks"
            reasons[kind] = (columns["is_main_track"] == 1) != self.main_track
        if self.interaction is not None:
            other = "charged currents" if self.interaction == "es" else "elastic scatters"
            reasons[f"of {other}"] = (columns["is_es"] == 1) != (self.interaction == "es")
        if self.energy is not None:
            low, high = self.energy
            energy = columns["energy"] * GEV
            reasons[f"outside {low:g} to {high:g} GeV"] = ~((energy >= low) & (energy < high))
        for reason, bad in reasons.items():
            count[reason] += int((good & bad).sum())
            good &= ~bad
        return joined[np.flatnonzero(good)]


def balance_clusters(parts: Sequence[Joined], label: Balance, count: Counter[str]) -> list[Joined]:
    """Return equal numbers of clusters of both classes, by dropping some of the larger one.

    Those whose hash is largest are dropped: which they are depends on the clusters, not on their order.

    Raises:
        UserError: one class is missing.
    """
    classes, places = [], []
    for part in parts:
        columns = part.clusters.columns
        numbers = [columns[name] for name in ("event", "match_id", "cluster_energy", "energy") if name in columns]
        row = next(iter(part.rows.values()))
        classes.append(columns[label] == 1)
        places.append(mix(part.key ^ hash_rows([*numbers, columns["momentum"], row]), 7))
    rows = balance_rows(classes, places, label, count)
    return [part[chosen] for part, chosen in zip(parts, rows, strict=True)]


def balance_rows(
    classes: Sequence[NDArray[np.bool_]], places: Sequence[NDArray[np.uint64]], label: str, count: Counter[str]
) -> list[NDArray[np.intp]]:
    """Return the rows of each part that are kept, equally many of both classes: those with the smallest places.

    Args:
        classes: of each event of each part.
        places: a number per event, hardly ever the same for two, that does not depend on where it is in the file.
        label: name of the classes.
        count: counts how many rows are dropped.
    """
    every, place = np.concatenate(classes), np.concatenate(places)
    fewest = min(int(every.sum()), int((~every).sum()))
    if not fewest:
        what = f"nothing to balance: {label} is {bool(every.any()):d} for all {len(every)} events"
        raise UserError(Problem(what, ("dataset", "balance"), expected="both classes"))
    limits = [np.sort(place[every == value])[fewest - 1] for value in (False, True)]
    count[f"to balance {label}"] += len(every) - 2 * fewest
    parts = zip(classes, places, strict=True)
    return [np.flatnonzero(where <= np.where(is_one, limits[1], limits[0])) for is_one, where in parts]
