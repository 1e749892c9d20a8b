"""The truth of a muon: from pt, eta, phi or from its momentum, whichever a file has, all the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from datasets.pipeline.events import Column

POLAR = ("pt", "eta", "phi")
CARTESIAN = ("px", "py", "pz")
COLUMNS = {
    "pt": Column("pt", "GeV", "transverse momentum"),
    "eta": Column("eta", "", "pseudorapidity"),
    "phi": Column("phi", "rad", "azimuth, -pi to pi"),
    "charge": Column("charge", "", "+1 or -1"),
    "positive": Column("positive", "", "class of the charge: 1 positive, 0 negative"),
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


def offered(found: Mapping[str, Any]) -> dict[str, Column]:
    """Return the targets that follow from the columns that a file has."""
    without = {*(() if "charge" in found else OF_CHARGE), *(name for name in OF_VERTEX if name not in found)}
    return {name: column for name, column in COLUMNS.items() if name not in without}


def completed(found: Mapping[str, Any]) -> Values:
    """Return all targets, (K,) float64 each, from pt, eta, phi or px, py, pz [GeV], charge and vertex as far as known.

    eta = asinh(pz / pt). Where pt is 0 it and what is divided by pt are not finite.
    """
    known: Values = {name: np.asarray(values, np.float64) for name, values in found.items()}
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
