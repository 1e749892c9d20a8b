"""What a fit says: the covariance of its coefficients, the field with its uncertainty, and its integrals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.field_fit.gauss_newton import FieldFit
from app.field_fit.region import seen_region
from app.field_fit.transport import TrackPairs, follow_tracks
from app.physics.fields.harmonic import Harmonic
from app.physics.harmonic_file import HarmonicFile, SeenRegion
from app.physics.harmonic_modes import Floats

BLOCK = 256
LEAST = 1e-13
"""Eigenvalues below this share of the largest are rounding errors."""
PLACES = 200
"""Places along a line in z, over which a field is integrated."""


@dataclass(frozen=True)
class FittedField:
    """A fit with its errors.

    Attributes:
        fit: the fit.
        root: `root root^T` is the covariance [T^2] of the active coefficients; residuals of tracks left out scale it.
        region: where the tracks of the fit passed.
        starts: x, y [mm], tx, ty, q/p [1/GeV], z, dz [mm] of these tracks, (N, 7).
    """

    fit: FieldFit
    root: Floats
    region: SeenRegion
    starts: Floats

    @classmethod
    def of(cls, fit: FieldFit, tracks: TrackPairs, left_out: TrackPairs) -> "FittedField":
        """Measure how far tracks left out miss, and where the tracks of the fit passed."""
        missed = fit.residuals(left_out) * fit.options.weights(left_out)
        missed *= fit.options.shares(missed)
        root = _inverse_root(fit.information) * np.sqrt(np.mean(missed * missed))
        steps = fit.options.steps
        paths = follow_tracks(fit.modes, fit.w, tracks.start, steps)
        return cls(fit, root, seen_region(paths, _z_along(tracks, steps)), tracks.start)

    def stays_inside(self, tracks: TrackPairs) -> NDArray[np.bool_]:
        """Return which tracks stay in the cells that the tracks of the fit have seen, (N,)."""
        fit, steps = self.fit, self.fit.options.steps
        paths = follow_tracks(fit.modes, fit.w, tracks.start, steps)
        field = Harmonic.of_modes(fit.modes, fit.w, self.region)
        inside: NDArray[np.bool_] = field.inside(paths[..., 0], paths[..., 1], _z_along(tracks, steps)).all(axis=1)
        return inside

    def at(self, places: Floats) -> tuple[Floats, Floats]:
        """Return the field and its standard deviation [T] at places (n, 3) [mm], each (n, 3)."""
        flat = self.fit.w.reshape(-1)[self.fit.active]
        field, sigma = np.empty((len(places), 3)), np.empty((len(places), 3))
        for first in range(0, len(places), BLOCK):
            rows = slice(first, first + BLOCK)
            modes = self.fit.modes.fields(places[rows]).reshape(len(places[rows]), 3, -1)[..., self.fit.active]
            field[rows], sigma[rows] = modes @ flat, np.linalg.norm(modes @ self.root, axis=-1)
        return field, sigma

    def integrals(self) -> tuple[Floats, Floats]:
        """Return the integrals of Bx, By, Bz along x = y = 0 from plane to plane, and their errors [T m]."""
        low, high = self.region.low[2], self.region.high[2]
        edge = (high - low) / self.region.cells.shape[2]  # the cell beyond the planes on each side
        z = np.linspace(low + edge, high - edge, PLACES)
        modes = self.fit.modes.fields(np.stack([0 * z, 0 * z, z], axis=1)).reshape(PLACES, 3, -1)[..., self.fit.active]
        line = np.trapezoid(modes, z * 1e-3, axis=0)
        return line @ self.fit.w.reshape(-1)[self.fit.active], np.linalg.norm(line @ self.root, axis=-1)

    def file(self, metadata: dict[str, Any]) -> HarmonicFile:
        """Return the file of the field, with covariance, start states, and a map of the cells seen, NaN elsewhere.

        The start states lie in it as in a file of track states, so that a simulation can begin as these tracks did.
        """
        seen = np.argwhere(self.region.cells)
        field, sigma = self.at(np.stack([axis[i] for axis, i in zip(self.region.centers, seen.T, strict=True)], axis=1))
        maps = np.full((2, *self.region.cells.shape, 3), np.nan)
        maps[0][self.region.cells], maps[1][self.region.cells] = field, sigma
        x, y, z = self.region.centers
        covariance = (self.root @ self.root.T).astype(np.float32)
        extra = {"covariance": covariance, "active": self.fit.active.reshape(self.fit.w.shape)}
        extra |= {"map_x": x, "map_y": y, "map_z": z, "map_B": maps[0], "map_sigma": maps[1]}
        z, dz = self.starts[:, 5], self.starts[:, 6]
        extra |= {"X": np.column_stack([self.starts[:, :5], dz]), "Z": np.stack([z, z + dz], axis=1)}
        return HarmonicFile(self.fit.modes, self.fit.w, self.region, metadata, extra)


def _z_along(tracks: TrackPairs, steps: int) -> Floats:
    z: Floats = tracks.start[:, 5, None] + tracks.start[:, 6, None] * np.linspace(0.0, 1.0, steps + 1)
    return z


def _inverse_root(information: Floats) -> Floats:
    """Return a matrix whose product with its transpose is the inverse, also where rounding made it indefinite."""
    scale = 1.0 / np.sqrt(np.diag(information))
    matrix = information * scale * scale[:, None]
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    root: Floats = scale[:, None] * vectors / np.sqrt(np.maximum(values, LEAST * values[-1]))
    return root
