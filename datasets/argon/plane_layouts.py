"""Metadata of cluster images: which column is what, by the number of columns, held against their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError

ELECTRON_MASS = 0.51099895
"""[MeV]"""
MISMATCH = 5.0
"""Energies from the momentum and from the truth that differ by more do not say the same [MeV]."""
FACTOR = 3.0
"""Their medians may differ by so much: of wrong columns they differ by far more."""
FLAGS = ("is_marley", "is_main_track", "is_es")
VECTORS = ("position", "momentum", "neutrino_momentum")
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
"""First column of each quantity: position [cm], momenta [GeV/c], energies [MeV]."""


@dataclass(frozen=True)
class Clusters:
    """Metadata of N clusters by name: (N,), vectors (N, 3), all float64; energies in MeV, momenta in GeV/c.

    Attributes:
        columns: the quantities.
        width: how many columns the file had.
    """

    columns: Mapping[str, Floats]
    width: int

    def __len__(self) -> int:
        return len(self.columns["energy"])

    def __getitem__(self, rows: NDArray[Any]) -> Clusters:
        return Clusters({name: values[rows] for name, values in self.columns.items()}, self.width)


def clusters(metadata: Any, place: Place, plane: int | None = None) -> Clusters:
    """Return what the columns are, found by their number and checked by their content.

    Args:
        metadata: (N, columns).
        place: of the array, for errors.
        plane: 0, 1, 2 for U, V, X where the file holds one plane only.

    Raises:
        UserError: another number of columns, flags that are not 0 or 1, momenta that contradict the energies.
    """
    if metadata.ndim != 2 or metadata.shape[1] not in LAYOUTS:
        expected = f"(N, columns) with {', '.join(map(str, LAYOUTS))} columns"
        raise UserError(Problem("metadata of unknown width", place, expected=expected, received=list(metadata.shape)))
    values = np.asarray(metadata, np.float64)
    layout = LAYOUTS[values.shape[1]]
    found = Clusters(
        {n: values[:, i : i + 3] if n in VECTORS else values[:, i] for n, i in layout.items()}, values.shape[1]
    )
    _check(found, place, plane)
    return found


def energy_of(momentum: Floats) -> Floats:
    """Return the total energy of electrons of these momenta (N, 3) [GeV/c], in MeV."""
    return np.asarray(np.hypot(1e3 * np.linalg.norm(momentum, axis=-1), ELECTRON_MASS))


def moving(found: Clusters) -> NDArray[np.bool_]:
    """Return which clusters have a momentum, (N,): of noise there is none."""
    return np.asarray((found.columns["momentum"] != 0).any(axis=-1))


def mismatched(found: Clusters) -> NDArray[np.bool_]:
    """Return which clusters with a momentum have |E(p) - E_true| > 5 MeV; the others are False."""
    difference = energy_of(found.columns["momentum"]) - found.columns["energy"]
    return np.asarray(moving(found) & (np.abs(difference) > MISMATCH))


def _check(found: Clusters, place: Place, plane: int | None) -> None:
    reading = f"metadata of {found.width} columns do not hold what their layout says"
    for name, values in found.columns.items():
        bad = np.flatnonzero(~np.isfinite(values if values.ndim == 1 else values.sum(axis=-1)))
        if len(bad):
            what = f"{len(bad)} of {len(values)} rows of {name!r} are not finite, the first at row {bad[0]}"
            raise UserError(Problem(what, place, expected="finite values"))
    for name in FLAGS:
        values = found.columns[name]
        bad = np.flatnonzero((values != 0) & (values != 1))
        if len(bad):
            received = float(values[bad[0]])
            raise UserError(Problem(f"{reading}: {name} at row {bad[0]}", place, expected="0 or 1", received=received))
    _check_plane(found, reading, place, plane)
    _check_energy(found, reading, place)


def _check_plane(found: Clusters, reading: str, place: Place, plane: int | None) -> None:
    values = found.columns.get("plane", np.empty(0))
    bad = np.flatnonzero(~np.isin(values, [0, 1, 2] if plane is None else [plane]))
    if len(bad):
        expected = "0, 1 or 2 for U, V, X" if plane is None else f"{plane}, for the file is that of {'UVX'[plane]}"
        raise UserError(
            Problem(f"{reading}: plane at row {bad[0]}", place, expected=expected, received=float(values[bad[0]]))
        )


def _check_energy(found: Clusters, reading: str, place: Place) -> None:
    some = moving(found) & (found.columns["energy"] > 0)
    if not some.any():
        return
    by_momentum = float(np.median(energy_of(found.columns["momentum"][some])))
    by_truth = float(np.median(found.columns["energy"][some]))
    ratio = by_momentum / by_truth
    if not 1 / FACTOR < ratio < FACTOR:
        hint = "; is the momentum in MeV/c?" if 1e3 / FACTOR < ratio < 1e3 * FACTOR else ""
        what = f"{reading}: the momenta mean {by_momentum:.4g} MeV, the energies {by_truth:.4g} MeV in the median{hint}"
        raise UserError(Problem(what, place, expected="momenta in GeV/c and energies in MeV that agree"))
