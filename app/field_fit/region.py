"""Where tracks passed: the cells of a grid, and their neighbours."""

import numpy as np
from numpy.typing import NDArray

from app.physics.harmonic_file import SeenRegion
from app.physics.harmonic_modes import Floats

CELLS = 24
"""Cells of the grid along each axis, with one beyond the outermost tracks on each side."""


def seen_region(paths: Floats, z: Floats) -> SeenRegion:
    """Return the cells that tracks passed through, and the cells that touch them.

    Args:
        paths: states along the tracks, (N, places, 4).
        z: where these are [mm], (N, places).
    """
    places = np.stack([paths[..., 0], paths[..., 1], z], axis=-1).reshape(-1, 3)
    low, high = places.min(axis=0), places.max(axis=0)
    size = np.maximum(high - low, 1.0) / (CELLS - 2)
    low, high = low - size, high + size
    cells = np.zeros((CELLS,) * 3, bool)
    cells[tuple(np.floor((places - low) / size).astype(int).clip(0, CELLS - 1).T)] = True
    return SeenRegion(_widened(cells), low, high)


def _widened(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    for axis in range(3):
        padded = np.pad(cells, [(1, 1) if i == axis else (0, 0) for i in range(3)])
        parts = [np.take(padded, range(shift, shift + CELLS), axis) for shift in range(3)]
        cells = parts[0] | parts[1] | parts[2]
    return cells
