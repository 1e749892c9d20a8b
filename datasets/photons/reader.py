"""From branches of photon sensors to events: invalid readings, sums for baselines, keys, and checks."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Place, Problem, UserError
from app.physics.xenon_calorimeter import SENSORS, positions, to_uvw
from datasets.files.root import TreeBlock
from datasets.photons.files import TRUTH, Tree
from datasets.pipeline.columns import single_column
from datasets.pipeline.event_keys import Duplicates, hash_rows
from datasets.pipeline.events import Events

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
"""Limits of the truth of a gamma of 15 to 60 MeV in this calorimeter; beyond them it is another unit or column."""
HINTS = {
    "energy": "; is the energy in MeV? It has to be in GeV",
    "time": "; is the time in ns? It has to be in s",
    "u": "; is the position in mm? It has to be in cm",
    "v": "; is the position in mm? It has to be in cm",
    "w": "; is the position in mm? It has to be in cm",
}
Columns = dict[str, Any]


def check_truth(columns: Mapping[str, Any], place: Place) -> None:
    """Refuse truth that is not finite or out of range, and directions that are not unit vectors."""
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


def check_direction(columns: Mapping[str, Any], place: Place) -> None:
    """Refuse directions whose length is not 1, or that contradict the angles: (-sin t cos p, sin t sin p, cos t)."""
    names = ("direction_x", "direction_y", "direction_z")
    if not all(name in columns for name in names):
        return
    direction = np.stack([np.asarray(columns[name], np.float64) for name in names], axis=-1)
    length = np.linalg.norm(direction, axis=1)
    bad = np.flatnonzero(np.abs(length - 1.0) > 1e-3)
    if len(bad):
        what = f"{len(bad)} directions are not unit vectors, the first at row {bad[0]}"
        raise UserError(Problem(what, place, expected="length 1", received=round(float(length[bad[0]]), 4)))
    if "theta" in columns and "phi" in columns:
        theta, phi = (np.radians(np.asarray(columns[name], np.float64)) for name in ("theta", "phi"))
        other = np.stack([-np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
        bad = np.flatnonzero(np.abs(direction - other).max(axis=1) > 1e-2)
        if len(bad):
            what = f"{len(bad)} directions contradict theta and phi, the first at row {bad[0]}"
            expected = "(-sin t cos p, sin t sin p, cos t), angles in degrees"
            raise UserError(Problem(what, place, expected=expected, received=np.round(direction[bad[0]], 4).tolist()))


def check_readings(columns: Mapping[str, Any], place: Place) -> None:
    """Refuse a block without any light: it is another array, or holds a marker in place of all values."""
    if np.isnan(columns["centroid_u"]).all():
        what = f"no valid reading above 0 in {len(columns['centroid_u'])} events"
        raise UserError(Problem(what, place, expected="photons of 4760 sensors below 9e9"))


logger = logging.getLogger(__name__)

SUMS = ("light", "centroid_u", "centroid_v", "centroid_w", "time_first")


@dataclass
class Reader:
    """Turns a block into Events; the checks run when it is read for the first time.

    Args:
        threshold: sensors with fewer photons have no time.
        dead: sensors without a valid reading.
        by_readings: use hashes of the readings as keys, even where the file has runs and events.
        drop_empty: leave out events without any gamma.
        drop_invalid: leave out events whose truth is not finite.
        duplicates: checks the keys of all blocks.
    """

    threshold: float
    dead: tuple[int, ...]
    by_readings: bool
    drop_empty: bool
    drop_invalid: bool
    duplicates: Duplicates
    checked: set[int] = field(default_factory=set)

    def __call__(self, number: int, block: TreeBlock[Tree]) -> Events:
        """Read block number `number`."""
        from datasets.photons.readings import clean, hash_readings

        columns = block.tree.read(block.first, block.rows)
        npho, times = columns.pop("npho"), columns.pop("relative_time")
        numbers = [columns.pop(name) for name in ("run", "event") if name in columns]
        by_readings = self.by_readings or len(numbers) < 2
        key: NDArray[np.uint64] = hash_readings(npho, times) if by_readings else hash_rows(numbers)
        sensors, filled = np.empty((*npho.shape, 2), np.float32), np.empty((len(npho), len(SUMS)))
        clean(npho, times, self.alive, np.float32(self.threshold), *self.uvw, sensors, filled)
        sums = dict(zip(SUMS, filled.T, strict=True))
        truth = {name: columns[name] for name in TRUTH if name in columns}
        good = self.select(truth, len(key), block.place, log=number not in self.checked)
        rows = slice(None) if good.all() else np.flatnonzero(good)  # what is left out may hold anything
        every = {name: single_column(name, values[rows], block.place) for name, values in (truth | sums).items()}
        events = Events({"sensors": sensors[rows]}, every, key[rows], (block.first + np.arange(len(key)))[rows])
        if number not in self.checked:
            if len(events):  # not all were dropped
                check_readings(events.columns, block.place)
                has_truth = good & ~_without_gamma(truth, len(key))
                check_truth({name: values[has_truth] for name, values in truth.items()}, block.place)
                self.duplicates.check(events.key, block.place)
            self.checked.add(number)
        return events

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """Whether a channel may have a valid reading, (4760,)."""
        alive = np.ones(SENSORS, bool)
        alive[list(self.dead)] = False
        return alive

    @cached_property
    def uvw(self) -> NDArray[np.float32]:
        """u, v, w of the sensors, (3, 4760) [cm]."""
        return np.ascontiguousarray(to_uvw(positions()).T, np.float32)

    def select(self, truth: Columns, rows: int, place: tuple[str], *, log: bool) -> NDArray[np.bool_]:
        """Return which events are kept, and log how many are dropped."""
        empty = _without_gamma(truth, rows)
        finite = np.all([np.ones(rows, bool), *(np.isfinite(values) for values in truth.values())], axis=0)
        dropped = {  # the first was chosen when the sample was made, the second is unexpected
            (logging.INFO, "have no gamma (n_gamma = 0)"): empty & self.drop_empty,
            (logging.WARNING, "have no finite truth"): ~finite & ~empty & self.drop_invalid,
        }
        for (level, reason), bad in dropped.items():
            if log and bad.any():
                logger.log(level, "%s: %d of %d events %s and were dropped", place[0], bad.sum(), rows, reason)
        return np.asarray(~np.any(list(dropped.values()), axis=0))


def _without_gamma(truth: Columns, rows: int) -> NDArray[np.bool_]:
    """Return which events have no gamma, and therefore no other truth."""
    return np.asarray(truth["n_gamma"] == 0) if "n_gamma" in truth else np.zeros(rows, bool)
