"""Fitted fields as files: the coefficients of harmonic modes, where tracks passed, and where all of it comes from."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import expand, write_bytes
from app.physics.harmonic_modes import Floats, HarmonicModes

FORMAT = "wirechamber harmonic field 1"
UNITS = {
    "coefficients": "T",
    "covariance": "T^2, of the coefficients that `active` names, flattened",
    "seen_low, seen_high": "mm, the corners of the grid `seen` in x, y, z",
    "X, Z": "start states of the tracks that were fitted: x, y [mm], tx, ty, q/p [1/GeV], dz [mm]; z at both ends [mm]",
    "map_B, map_sigma": "T, Bx, By, Bz and their standard deviations in the middle of each cell of `seen`",
}


@dataclass(frozen=True)
class SeenRegion:
    """The cells (nx, ny, nz) of a grid between two corners [mm] that tracks passed through, or passed close to."""

    cells: NDArray[np.bool_]
    low: Floats
    high: Floats

    @property
    def centers(self) -> tuple[Floats, ...]:
        """The middles of the cells along each axis [mm]."""
        size = (self.high - self.low) / self.cells.shape
        return tuple(
            low + step * (np.arange(n) + 0.5) for low, step, n in zip(self.low, size, self.cells.shape, strict=True)
        )


@dataclass(frozen=True)
class HarmonicFile:
    """A fitted field: `w` [T] of the modes, the region seen; optionally covariance and a map of the field there.

    `metadata` holds the tracks, the seed and what was measured; `extra` further arrays by name.
    """

    modes: HarmonicModes
    w: Floats
    region: SeenRegion
    metadata: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)
    sha256: str = ""

    def write(self, path: Path) -> None:
        """Write an npz; raises NotWritten where that is impossible."""
        facts = {"format": FORMAT, "modes": asdict(self.modes), "units": UNITS, **self.metadata}
        arrays = {
            "coefficients": self.w,
            "seen": self.region.cells,
            "seen_low": self.region.low,
            "seen_high": self.region.high,
        }
        content: dict[str, Any] = {**arrays, **self.extra, "metadata": np.array(json.dumps(facts))}
        write_bytes(path, lambda file: np.savez_compressed(file, **content))


def read_harmonic(file: str) -> HarmonicFile:
    """Read a fitted field; `${VARIABLE}` in the path is expanded.

    Raises:
        UserError: no such file, another kind of file, coefficients that do not fit or are not finite.
    """
    path = expand(file, ("file",))
    try:
        content = path.read_bytes()
    except OSError as error:
        what = f"cannot read the fitted field ({error.strerror})"
        raise UserError(Problem(what, ("file",), expected="what fit-field wrote", received=str(path))) from None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["metadata"]))
            modes = HarmonicModes(**facts["modes"])
            w = np.asarray(arrays["coefficients"], np.float64).reshape(modes.shape)
            region = SeenRegion(np.asarray(arrays["seen"], bool), arrays["seen_low"], arrays["seen_high"])
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        what, expected = "not a fitted field", "an npz that fit-field wrote"
        raise UserError(Problem(what, ("file",), expected=expected, received=str(path))) from None
    if not np.isfinite(w).all():
        raise UserError(Problem("the fitted field has coefficients that are not finite", ("file",), received=str(path)))
    return HarmonicFile(modes, w, region, facts, sha256=hashlib.sha256(content).hexdigest())
