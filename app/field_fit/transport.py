"""Tracks from a start plane to an end plane through harmonic modes, in blocks on all cores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.system import cores
from app.physics.harmonic_modes import HarmonicModes

Floats = NDArray[np.float64]
BLOCK = 256
"""Tracks whose derivatives are in memory at once on each core."""


@dataclass(frozen=True)
class TrackPairs:
    """States at two planes.

    Attributes:
        start: x, y [mm], tx, ty, q/p [1/GeV], z, dz [mm], (N, 7).
        end: x, y [mm], tx, ty at z + dz, (N, 4).
    """

    start: Floats
    end: Floats

    def __len__(self) -> int:
        return len(self.start)

    @property
    def bends(self) -> Floats:
        """Distances [mm] in x and y between the end states and where straight lines end, (N,)."""
        straight = self.start[:, :2] + self.start[:, 6:] * self.start[:, 2:4]
        bends: Floats = np.hypot(*(self.end[:, :2] - straight).T)
        return bends

    def take(self, rows: Any) -> "TrackPairs":
        """Return some of the tracks."""
        return TrackPairs(self.start[rows], self.end[rows])


def follow_tracks(modes: HarmonicModes, w: Floats, starts: Floats, steps: int) -> Floats:
    """Return the states of tracks at steps + 1 places along their way by RK4, (N, steps + 1, 4)."""
    from app.field_fit.compiled import follow

    paths, relative = np.empty((len(starts), steps + 1, 4)), _relative(modes, starts)
    blocks = [slice(first, first + BLOCK) for first in range(0, len(starts), BLOCK)]
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda rows: follow(w, relative[rows], modes.tables(), paths[rows]), blocks))
    return paths


def derivatives(modes: HarmonicModes, w: Floats, starts: Floats, paths: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield blocks of tracks and d(end state) / d(coefficients) of each, (n, 4, number of coefficients)."""
    from app.field_fit.compiled import add_derivatives

    relative = _relative(modes, starts)

    def work(rows: slice) -> tuple[slice, Floats]:
        jacobian = np.zeros((len(starts[rows]), 4, *modes.shape))
        add_derivatives(w, relative[rows], paths[rows], modes.tables(), jacobian)
        return rows, jacobian.reshape(len(jacobian), 4, -1)

    blocks = [slice(first, first + BLOCK) for first in range(0, len(starts), BLOCK)]
    with ThreadPoolExecutor(cores()) as pool:
        for first in range(0, len(blocks), cores()):
            yield from pool.map(work, blocks[first : first + cores()])


def _relative(modes: HarmonicModes, starts: Floats) -> Floats:
    shifted: Floats = starts - modes.center * np.eye(7)[5]
    return shifted
