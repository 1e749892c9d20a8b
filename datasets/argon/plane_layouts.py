"""Metadata of cluster images: which column is what, by the number of columns, checked by their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError

ELECTRON_MASS = 0.51099895
"""The mass of the electron [MeV]."""
MISMATCH = 5.0
"""Energies from the momentum and from the truth that differ by more contradict each other [MeV]."""
FACTOR = 3.0
"""Largest ratio of their medians; with wrong columns it is far larger."""
FLAGS = ("is_marley", "is_main_track", "is_es")
VECTORS = ("position", "momentum", "neutrino_momentum")
EVENT = ("event", "match_id")
"""What says which clusters are the same on different planes."""
Floats = NDArray[np.float64]

_OLD = {
    "is_marley": 0,
    "is_main_track": 1,
    "is_es": 2,
    "position": 3,
    "momentum": 6,
    "neutrino_energy": 9,
    "energy": 10,
}
_NEW = {
    "event": 0, "is_marley": 1, "is_main_track": 2, "is_es": 3, "position": 4, "momentum": 7, "cluster_energy": 10,
    "energy": 11, "plane": 12,
}  # fmt: skip
LAYOUTS: Mapping[int, Mapping[str, int]] = {
    11: _OLD,
    12: {**_OLD, "plane": 11},
    13: _NEW,
    14: {**_NEW, "match_id": 13},
    18: {**_NEW, "match_id": 13, "neutrino_energy": 14, "neutrino_momentum": 15},
}
"""First column of each quantity by number of columns: position [cm], momenta [GeV/c], energies [MeV]."""


@dataclass(frozen=True)
class Clusters:
    """Metadata of N clusters by name: (N,), vectors (N, 3), in float64; energies in MeV, momenta in GeV/c.

    Of metadata that are all integers `event` and `match_id` stay integers.

    Attributes:
        columns: the quantities.
        width: how many columns the file had.
    """

    columns: Mapping[str, Floats]
    width: int

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, rows: NDArray[Any]) -> Clusters:
        return Clusters({name: values[rows] for name, values in self.columns.items()}, self.width)


def read_clusters(metadata: Any, place: Place, plane: int | None = None) -> Clusters:
    """Return the columns by name, identified by their number and checked by their content.

    Args:
        metadata: (N, columns).
        place: where the array is, for errors.
        plane: 0, 1, 2 for U, V, X where the file holds one plane only.

    Raises:
        UserError: another number of columns, flags that are not 0 or 1, momenta that contradict the energies.
    """
    if metadata.ndim != 2 or metadata.shape[1] not in LAYOUTS:
        expected = f"(N, columns) with {', '.join(map(str, LAYOUTS))} columns"
        raise UserError(Problem("metadata of unknown width", place, expected=expected, received=list(metadata.shape)))
    values = np.asarray(metadata, np.float64)
    layout = LAYOUTS[values.shape[1]]
    columns = {n: values[:, i : i + 3] if n in VECTORS else values[:, i] for n, i in layout.items()}
    if metadata.dtype.kind in "iu":  # float64 rounds numbers of events above 2^53
        columns |= {name: metadata[:, layout[name]] for name in ("event", "match_id") if name in layout}
    reading = f"metadata of {values.shape[1]} columns do not hold what their layout says"
    for name, column in columns.items():
        bad = np.flatnonzero(~np.isfinite(column).all(axis=tuple(range(1, column.ndim))))
        if len(bad):
            what = f"{len(bad)} of {len(column)} rows of {name!r} are not finite, the first at row {bad[0]}"
            raise UserError(Problem(what, place, expected="finite values"))
    planes = "0, 1 or 2 for U, V, X" if plane is None else f"{plane}, for the file is that of {'UVX'[plane]}"
    allowed = {name: ([0, 1], "0 or 1") for name in FLAGS} | {
        "plane": ([0, 1, 2] if plane is None else [plane], planes)
    }
    for name, (known, expected) in allowed.items():
        column = columns.get(name, np.empty(0))
        bad = np.flatnonzero(~np.isin(column, known))
        if len(bad):
            what = f"{reading}: {name} at row {bad[0]}"
            raise UserError(Problem(what, place, expected=expected, received=float(column[bad[0]])))
    check_energies(columns, reading, place)
    return Clusters(columns, values.shape[1])


def number_clusters(metadata: Any, rows: int, beside: Mapping[str, Any]) -> Clusters:
    """Return the numbers of clusters, and their energies as measured, without any truth.

    Args:
        metadata: (N, columns), or None; of a width that is not known nothing is taken.
        rows: N.
        beside: arrays `event` and `match_id` that the file has next to the metadata.
    """
    layout = LAYOUTS.get(metadata.shape[1], {}) if metadata is not None and metadata.ndim == 2 else {}
    columns: dict[str, Any] = {name: metadata[:, layout[name]] for name in (*EVENT, "cluster_energy") if name in layout}
    columns |= {name: beside[name] for name in EVENT if name in beside}
    columns["row"] = np.arange(rows)
    return Clusters(columns, 0 if metadata is None else metadata.shape[-1])


def energy_of(momentum: Floats) -> Floats:
    """Return the total energy of electrons of these momenta (N, 3) [GeV/c], in MeV."""
    return np.asarray(np.hypot(1e3 * np.linalg.norm(momentum, axis=-1), ELECTRON_MASS))


def moving(momentum: Floats) -> NDArray[np.bool_]:
    """Return which clusters have a momentum (N, 3) other than 0, (N,): clusters of noise have none."""
    return np.asarray((momentum != 0).any(axis=-1))


def mismatched(clusters: Clusters) -> NDArray[np.bool_]:
    """Return which clusters with a momentum have |E(p) - E_true| > 5 MeV; the others are False."""
    momentum = clusters.columns["momentum"]
    return np.asarray(moving(momentum) & (np.abs(energy_of(momentum) - clusters.columns["energy"]) > MISMATCH))


def check_energies(columns: Mapping[str, Floats], reading: str, place: Place) -> None:
    """Refuse momenta that contradict the energies in the median; `reading` begins the message."""
    some = moving(columns["momentum"]) & (columns["energy"] > 0)
    if not some.any():
        return
    by_momentum = float(np.median(energy_of(columns["momentum"][some])))
    by_truth = float(np.median(columns["energy"][some]))
    ratio = by_momentum / by_truth
    if not 1 / FACTOR < ratio < FACTOR:
        hint = "; is the momentum in MeV/c?" if 1e3 / FACTOR < ratio < 1e3 * FACTOR else ""
        what = f"{reading}: the momenta mean {by_momentum:.4g} MeV, the energies {by_truth:.4g} MeV in the median{hint}"
        raise UserError(Problem(what, place, expected="momenta in GeV/c and energies in MeV that agree"))
