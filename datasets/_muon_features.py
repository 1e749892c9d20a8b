"""What a hit says: values of branches, and what follows from the place of its low edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDGES = tuple(f"globEdge{side}{axis}" for side in ("High", "Low") for axis in "XYZ")
LOW_EDGE = EDGES[3:]
COVARIANCE = ("covXX", "covXY", "covYX", "covYY")
MEASURED = (
    *EDGES,
    "time",
    "driftR",
    *COVARIANCE,
    "channel",
    "layer",
    "stationPhi",
    "stationEta",
    "stationIndex",
    "technology",
)
STANDARD = (*MEASURED, "r", "s", "theta", "phi")
"""The 22 features of a hit of an ATLAS-like muon spectrometer."""
SCALES = {
    **dict.fromkeys((*EDGES, "driftR", "r", "s"), 1e-3),
    "time": 1e-5,
    **dict.fromkeys(COVARIANCE, 1e-6),
    "channel": 1e-3,
}
"""What a feature is multiplied with before a network sees it: lengths in m; of those not named here it is 1."""
UNITS = {**dict.fromkeys((*EDGES, "driftR", "r", "s"), "mm"), "theta": "rad", "phi": "rad"}
SMALLEST_RADIUS = 1e-3
"""On the beam line, r = 0, eta is taken as at this r [mm]."""
Places = tuple[Any, Any, Any]


def _radius(x: Any, y: Any, _z: Any) -> Any:
    return np.hypot(x, y)


def _distance(x: Any, y: Any, z: Any) -> Any:
    return np.sqrt(x * x + y * y + z * z)


def _theta(x: Any, y: Any, z: Any) -> Any:
    return np.arctan2(np.hypot(x, y), z)


def _phi(x: Any, y: Any, _z: Any) -> Any:
    return np.arctan2(y, x)


def _eta(x: Any, y: Any, z: Any) -> Any:
    return np.arcsinh(z / np.maximum(np.hypot(x, y), np.float32(SMALLEST_RADIUS)))


DERIVED: Mapping[str, Callable[[Any, Any, Any], Any]] = {
    "r": _radius,
    "s": _distance,
    "theta": _theta,
    "phi": _phi,
    "eta": _eta,
}
"""Of x, y, z of the low edge [mm]: r = hypot(x, y), s = |(x, y, z)|, theta, phi [rad], eta = asinh(z / r)."""


def needed(features: Sequence[str], known: Callable[[str], bool]) -> list[str]:
    """Return the columns of branches that the features are made of; one that the file has is not derived."""
    own = [name for name in features if name not in DERIVED or known(name)]
    return list(dict.fromkeys([*own, *(LOW_EDGE if len(own) < len(features) else ())]))


def table(features: Sequence[str], columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float32]:
    """Return the features of hits, (M, F) float32, as they stand in the file and unscaled."""
    found = np.empty((rows, len(features)), np.float32)
    for position, name in enumerate(features):
        if name in columns:
            found[:, position] = columns[name]
        else:
            found[:, position] = DERIVED[name](*(np.asarray(columns[axis], np.float32) for axis in LOW_EDGE))
    return found
