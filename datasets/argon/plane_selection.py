"""Which clusters an analysis wants: main tracks, an interaction, a range of energy, equal classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from datasets.argon.plane_join import Joined
from datasets.argon.plane_layouts import moving
from datasets.pipeline.event_hash import hash_rows, mix

Interaction = Literal["es", "cc"]
Balance = Literal["is_es", "is_main_track"]
GEV = 1e-3
"""Of a MeV."""


@dataclass(frozen=True)
class Selection:
    """What is kept; None keeps all.

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

    def apply(self, found: Joined, count: Counter[str]) -> Joined:
        """Return the clusters that are kept, and count the others by the first reason against them."""
        columns, good = found.clusters.columns, np.ones(len(found), bool)
        reasons: dict[str, NDArray[np.bool_]] = {}
        if not self.without_momentum:
            reasons["without a momentum"] = ~moving(found.clusters)
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
        return found[np.flatnonzero(good)]


def balanced(parts: Sequence[Joined], label: Balance, count: Counter[str]) -> list[Joined]:
    """Return equal numbers of clusters of both classes, by dropping some of the larger one.

    Those whose hash is largest are dropped: which they are depends on the clusters, not on their order.

    Raises:
        UserError: one class is missing.
    """
    classes = [part.clusters.columns[label] == 1 for part in parts]
    rows = balanced_rows(classes, [_place(part) for part in parts], label, count)
    return [part[chosen] for part, chosen in zip(parts, rows, strict=True)]


def balanced_rows(
    classes: Sequence[NDArray[np.bool_]], places: Sequence[NDArray[np.uint64]], label: str, count: Counter[str]
) -> list[NDArray[np.intp]]:
    """Return the rows of each part that are kept, equally many of both classes: those with the smallest places."""
    every, place = np.concatenate(classes), np.concatenate(places)
    fewest = min(int(every.sum()), int((~every).sum()))
    if not fewest:
        what = f"nothing to balance: {label} is {bool(every.any()):d} for all {len(every)} events"
        raise UserError(Problem(what, ("dataset", "balance"), expected="both classes"))
    limits = [np.sort(place[every == value])[fewest - 1] for value in (False, True)]
    count[f"to balance {label}"] += len(every) - 2 * fewest
    parts = zip(classes, places, strict=True)
    return [np.flatnonzero(where <= np.where(one, limits[1], limits[0])) for one, where in parts]


def _place(part: Joined) -> NDArray[np.uint64]:
    """Return a number per cluster, nearly never the same for two of them, that is at home nowhere in the file."""
    columns = part.clusters.columns
    numbers = [columns[name] for name in ("event", "match_id", "cluster_energy", "energy") if name in columns]
    row = next(iter(part.rows.values()))
    return mix(part.key ^ hash_rows([*numbers, columns["momentum"], row]), 7)
