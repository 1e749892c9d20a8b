"""Columns of hits and of muons: what a file holds, and what follows from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.events import Column

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
"""Factors of the features before a network sees them, so that lengths are in m; others have the factor 1."""
UNITS = {**dict.fromkeys((*EDGES, "driftR", "r", "s"), "mm"), "theta": "rad", "phi": "rad"}
SMALLEST_RADIUS = 1e-3
"""Smallest r [mm] of which eta is taken: on the beam line r is 0."""
QUARTER, LEAST = np.float32(np.pi / 2), np.float32(1e-30)
TILE = 4096
"""Hits that are processed at a time: their table stays in the processor's cache while its columns are written."""


DERIVED: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = {
    "r": lambda _x, _y, _z, r: r,
    "s": lambda _x, _y, z, r: np.sqrt(r * r + z * z),
    "theta": lambda _x, _y, z, r: QUARTER - np.arctan(z / np.maximum(r, LEAST)),  # in half the time of arctan2(r, z)
    "phi": lambda x, y, _z, _r: np.arctan2(y, x),
    "eta": lambda _x, _y, z, r: np.arcsinh(z / np.maximum(r, np.float32(SMALLEST_RADIUS))),
}
"""Functions of x, y, z of the low edge and r = hypot(x, y) [mm]; s = |(x, y, z)|, eta = asinh(z / r), angles in rad."""


def needed_columns(features: Sequence[str], known: Callable[[str], bool]) -> list[str]:
    """Return the columns of branches that the features need; a feature that the file has is not derived."""
    own = [name for name in features if name not in DERIVED or known(name)]
    return list(dict.fromkeys([*own, *(LOW_EDGE if len(own) < len(features) else ())]))


def feature_table(features: Sequence[str], columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return the features of all hits, (M, F) float32, as they stand in the file and unscaled."""
    rows = len(next(iter(columns.values())))
    filled = np.empty((rows, len(features)), np.float32)
    derived = [name for name in features if name not in columns]
    for first in range(0, rows, TILE):
        part = slice(first, first + TILE)
        if derived:
            x, y, z = (columns[axis][part].astype(np.float32, copy=False) for axis in LOW_EDGE)
            place = x, y, z, np.sqrt(x * x + y * y)
        for position, name in enumerate(features):
            filled[part, position] = columns[name][part] if name in columns else DERIVED[name](*place)
    return filled


POLAR = ("pt", "eta", "phi")
CARTESIAN = ("px", "py", "pz")
COLUMNS = {
    "pt": Column("pt", "GeV", "transverse momentum"),
    "eta": Column("eta", "", "pseudorapidity"),
    "phi": Column("phi", "rad", "azimuth, -pi to pi"),
    "charge": Column("charge", "", "+1 or -1"),
    "positive": Column("positive", "", "class of the charge: 1 positive, 0 negative", ("negative", "positive")),
    "q_over_pt": Column("q_over_pt", "1/GeV", "charge over transverse momentum"),
    "px": Column("px", "GeV", "x of the momentum"),
    "py": Column("py", "GeV", "y of the momentum"),
    "pz": Column("pz", "GeV", "z of the momentum"),
    "p": Column("p", "GeV", "momentum"),
    "vx": Column("vx", "", "x of the vertex, in the unit of the file"),
    "vy": Column("vy", "", "y of the vertex, in the unit of the file"),
    "vz": Column("vz", "", "z of the vertex, in the unit of the file"),
}
OF_CHARGE = ("charge", "positive", "q_over_pt")
OF_VERTEX = ("vx", "vy", "vz")
Values = dict[str, Any]


def known_targets(known: Mapping[str, Any]) -> dict[str, Column]:
    """Return the targets that follow from the columns that a file has."""
    without = {*(() if "charge" in known else OF_CHARGE), *(name for name in OF_VERTEX if name not in known)}
    return {name: column for name, column in COLUMNS.items() if name not in without}


def complete_truth(truth: Mapping[str, Any]) -> Values:
    """Return all targets, (K,) float64 each, from pt, eta, phi or px, py, pz [GeV], charge and vertex as far as known.

    eta = asinh(pz / pt). Where pt is 0 it and what is divided by pt are not finite.
    """
    known: Values = {name: np.asarray(values, np.float64) for name, values in truth.items()}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if not set(POLAR) <= set(known):
            pt = np.hypot(known["px"], known["py"])
            known |= {"pt": pt, "eta": np.arcsinh(known["pz"] / pt), "phi": np.arctan2(known["py"], known["px"])}
        if not set(CARTESIAN) <= set(known):
            pt, eta, phi = (known[name] for name in POLAR)
            known |= {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
        known["p"] = np.sqrt(known["px"] ** 2 + known["py"] ** 2 + known["pz"] ** 2)
        if "charge" in known:
            known |= {"positive": (known["charge"] > 0) * 1.0, "q_over_pt": known["charge"] / known["pt"]}
    return {name: known[name] for name in COLUMNS if name in known}
