"""From branches of photon sensors to events: what is invalid, sums for baselines, keys, and checks."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.physics.xenon_calorimeter import SENSORS, positions, to_uvw
from datasets.files.root_parts import Part
from datasets.photons.checks import check_readings, check_truth
from datasets.photons.files import TRUTH, Tree
from datasets.pipeline.duplicates import Duplicates
from datasets.pipeline.event_hash import hash_rows
from datasets.pipeline.events import Events

logger = logging.getLogger(__name__)

SUMS = ("light", "centroid_u", "centroid_v", "centroid_w", "time_first")
Columns = dict[str, Any]


@dataclass
class Reader:
    """Turns a part into Events; the checks run when it is read for the first time.

    Args:
        threshold: sensors with fewer photons have no time.
        dead: sensors without a valid reading.
        by_readings: keys are hashes of the readings, whatever the file says of runs and events.
        drop_empty: leave out events without any gamma.
        drop_invalid: leave out events whose truth is not finite.
        duplicates: sees the keys of all parts.
    """

    threshold: float
    dead: tuple[int, ...]
    by_readings: bool
    drop_empty: bool
    drop_invalid: bool
    duplicates: Duplicates
    checked: set[int] = field(default_factory=set)

    def __call__(self, number: int, part: Part[Tree]) -> Events:
        """Read part number `number`."""
        columns = part.tree.read(part.first, part.rows)
        npho, times = columns.pop("npho"), columns.pop("relative_time")
        key = self._key(columns, npho, times)
        sensors, sums = self._clean(npho, times)
        truth = {name: columns[name] for name in TRUTH if name in columns}
        good = self._good(truth, len(key), part.place, tell=number not in self.checked)
        every = {name: values.astype(np.float32) for name, values in (truth | sums).items()}
        events = Events({"sensors": sensors}, every, key)
        events = events if good.all() else events[np.flatnonzero(good)]
        if number not in self.checked:
            self._check(events, {name: values[good] for name, values in truth.items()}, part.place)
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

    def _key(self, columns: Columns, npho: Any, times: Any) -> NDArray[np.uint64]:
        from datasets.photons.readings import content

        numbers = [columns.pop(name) for name in ("run", "event") if name in columns]
        found: NDArray[np.uint64]
        found = content(npho, times) if self.by_readings or len(numbers) < 2 else hash_rows(numbers)
        return found

    def _clean(self, npho: Any, times: Any) -> tuple[NDArray[np.float32], Columns]:
        from datasets.photons.readings import clean

        sensors, sums = np.empty((*npho.shape, 2), np.float32), np.empty((len(npho), len(SUMS)))
        clean(npho, times, self.alive, np.float32(self.threshold), *self.uvw, sensors, sums)
        return sensors, dict(zip(SUMS, sums.T, strict=True))

    def _good(self, truth: Columns, rows: int, place: tuple[str], *, tell: bool) -> NDArray[np.bool_]:
        """Return which events are kept; what is left out is counted."""
        empty = _empty(truth, rows)
        finite = np.all([np.ones(rows, bool), *(np.isfinite(values) for values in truth.values())], axis=0)
        left_out = {  # the first was chosen when the sample was made, the second is a surprise
            (logging.INFO, "have no gamma (n_gamma = 0)"): empty & self.drop_empty,
            (logging.WARNING, "have no finite truth"): ~finite & ~empty & self.drop_invalid,
        }
        for (level, reason), bad in left_out.items():
            if tell and bad.any():
                logger.log(level, "%s: %d of %d events %s and were dropped", place[0], bad.sum(), rows, reason)
        return np.asarray(~np.any(list(left_out.values()), axis=0))

    def _check(self, events: Events, truth: Columns, place: tuple[str]) -> None:
        if not len(events):  # all were dropped
            return
        check_readings(events.columns, place)
        some = ~_empty(truth, len(events))
        check_truth({name: values[some] for name, values in truth.items()}, place)
        self.duplicates.check(events.key, place)


def _empty(truth: Columns, rows: int) -> NDArray[np.bool_]:
    """Return which events have no gamma, and therefore no truth but that."""
    return np.asarray(truth["n_gamma"] == 0) if "n_gamma" in truth else np.zeros(rows, bool)
