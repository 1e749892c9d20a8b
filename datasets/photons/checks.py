"""Checks on readings and truth of photon sensors as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.core.errors import Place, Problem, UserError

MOST_GAMMAS = 4
LIMITS = {
    "theta": (0.0, 180.0, "degrees"),
    "phi": (-360.0, 360.0, "degrees"),
    "energy": (0.0, 1.0, "GeV"),
    "time": (-1e-5, 1e-5, "s"),
    "u": (-100.0, 100.0, "cm"),
    "v": (-210.0, 210.0, "cm"),
    "w": (-70.0, 100.0, "cm"),
    "direction_x": (-1.001, 1.001, ""),
    "direction_y": (-1.001, 1.001, ""),
    "direction_z": (-1.001, 1.001, ""),
    "n_gamma": (0, MOST_GAMMAS, "gammas"),
}
"""What the truth of a gamma of 15 to 60 MeV in this calorimeter can be at all; beyond it is another unit or column."""
HINTS = {
    "energy": "; is the energy in MeV? It has to be in GeV",
    "time": "; is the time in ns? It has to be in s",
    "u": "; is the position in mm? It has to be in cm",
    "v": "; is the position in mm? It has to be in cm",
    "w": "; is the position in mm? It has to be in cm",
}
Columns = Mapping[str, Any]


def check_truth(columns: Columns, place: Place) -> None:
    """Every truth is finite and in its range, and a direction is a unit vector."""
    for name, (low, high, unit) in LIMITS.items():
        if name not in columns:
            continue
        values = columns[name]
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            what = f"{len(bad)} of {len(values)} rows of {name!r} are not finite, the first at row {bad[0]}"
            raise UserError(Problem(what, place, expected="finite values, or 'on_invalid': 'drop' in the dataset"))
        bad = np.flatnonzero((values < low) | (values > high))
        if len(bad):
            what = f"{len(bad)} of {len(values)} rows out of range, the first at row {bad[0]}{HINTS.get(name, '')}"
            expected = f"{name} from {low:g} to {high:g} {unit}".rstrip()
            raise UserError(Problem(what, (*place, name), expected=expected, received=float(values[bad[0]])))
    check_direction(columns, place)


def check_direction(columns: Columns, place: Place) -> None:
    """A direction has length 1, and the angles say the same: (-sin t cos p, sin t sin p, cos t)."""
    names = ("direction_x", "direction_y", "direction_z")
    if not all(name in columns for name in names):
        return
    direction = np.stack([np.asarray(columns[name], np.float64) for name in names], axis=-1)
    length = np.linalg.norm(direction, axis=1)
    bad = np.flatnonzero(np.abs(length - 1.0) > 1e-3)
    if len(bad):
        what = f"{len(bad)} directions are no unit vectors, the first at row {bad[0]}"
        raise UserError(Problem(what, place, expected="length 1", received=round(float(length[bad[0]]), 4)))
    if "theta" in columns and "phi" in columns:
        theta, phi = (np.radians(np.asarray(columns[name], np.float64)) for name in ("theta", "phi"))
        other = np.stack([-np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
        bad = np.flatnonzero(np.abs(direction - other).max(axis=1) > 1e-2)
        if len(bad):
            what = f"{len(bad)} directions contradict theta and phi, the first at row {bad[0]}"
            expected = "(-sin t cos p, sin t sin p, cos t), angles in degrees"
            raise UserError(Problem(what, place, expected=expected, received=np.round(direction[bad[0]], 4).tolist()))


def check_readings(columns: Columns, place: Place) -> None:
    """Some sensor of some event has light: else it is another array, or a sentinel stands in place of all values."""
    if np.isnan(columns["centroid_u"]).all():
        what = f"no valid reading above 0 in {len(columns['centroid_u'])} events"
        raise UserError(Problem(what, place, expected="photons of 4760 sensors below 9e9"))
