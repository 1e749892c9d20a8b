"""Harmonic functions of three coordinates: fields without divergence and curl, whatever their coefficients are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HarmonicModes:
    """Modes `cos|sin(a x) sinh|cosh(k y) / k cos|sin(b (z - center))` of a potential, with `k^2 = a^2 + b^2`.

    Each obeys Laplace's equation, so that the gradient of any sum of them is a magnetic field in a region without
    currents. The waves are periodic in x and z: the half periods reach beyond the region in which the field is wanted.
    Coefficients are of shape (x, z, 2, 2, 2): number of the wave in x and in z; cos or sin in x; sinh or cosh in y; cos
    or sin in z. A coefficient is about the field [T] of its mode at |y| = height.

    Args:
        x: number of waves in x, from 0 on.
        z: number of waves in z, from 0 on.
        half_x: half of the longest period in x [mm].
        half_z: half of the longest period in z [mm].
        center: where the waves in z have their origin [mm].
        height: |y| at which the modes are normalised [mm].
    """

    x: int
    z: int
    half_x: float
    half_z: float
    center: float
    height: float

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """The shape of the coefficients."""
        return (self.x, self.z, 2, 2, 2)

    @cached_property
    def a(self) -> Floats:
        """Wave numbers in x [1/mm]."""
        return np.arange(self.x, dtype=np.float64) * (np.pi / self.half_x)

    @cached_property
    def b(self) -> Floats:
        """Wave numbers in z [1/mm]."""
        return np.arange(self.z, dtype=np.float64) * (np.pi / self.half_z)

    @cached_property
    def k(self) -> Floats:
        """Growth in y [1/mm], (x, z)."""
        return np.hypot(self.a[:, None], self.b)

    @cached_property
    def scale(self) -> Floats:
        """1 / cosh(k height), (x, z)."""
        return 1.0 / np.cosh(self.k * self.height)

    @cached_property
    def scale_per_k(self) -> Floats:
        """`scale / k` [mm]; 0 for k = 0, where the only mode, the potential y, has a field along y alone."""
        return np.divide(self.scale, self.k, out=np.zeros_like(self.k), where=self.k > 0)

    def present(self, even_x: bool, even_y: bool) -> NDArray[np.bool_]:
        """Return which modes are not zero everywhere and have the symmetries asked for; of the shape of coefficients.

        Args:
            even_x: By and Bz are even in x, Bx is odd: cos in x alone.
            even_y: By is even in y, Bx and Bz are odd: sinh in y alone.
        """
        kept = np.ones(self.shape, bool)
        kept[0, :, 1] = False
        kept[:, 0, :, :, 1] = False
        kept[0, 0, :, 1] = False
        if even_x:
            kept[:, :, 1] = False
        if even_y:
            kept[:, :, :, 1] = False
        return kept

    def fields(self, places: Floats) -> Floats:
        """Return the field of each mode with the coefficient 1 at places (n, 3) [mm]: (n, 3, x, z, 2, 2, 2)."""
        x, y, z = (places[:, i, None] for i in range(3))
        along, angle = self.a * x, self.b * (z - self.center)
        in_x, in_z = np.stack([np.cos(along), np.sin(along)], -1), np.stack([np.cos(angle), np.sin(angle)], -1)
        slope_x = self.a[:, None] * np.stack([-np.sin(along), np.cos(along)], -1)
        slope_z = self.b[:, None] * np.stack([-np.sin(angle), np.cos(angle)], -1)
        growth = self.k * y[:, None]
        both = np.stack([np.sinh(growth), np.cosh(growth)], -1)
        in_y, slope_y = both * self.scale_per_k[..., None], both[..., ::-1] * self.scale[..., None]
        parts = ((slope_x, in_y, in_z), (in_x, slope_y, in_z), (in_x, in_y, slope_z))
        return np.stack([np.einsum("npi,npqj,nqk->npqijk", *part) for part in parts], axis=1)

    def on_grid(self, w: Floats, axes: Sequence[Floats]) -> Floats:
        """Return the field [T] of coefficients at the nodes of three axes [mm], (nx, ny, nz, 3), by products."""
        x, y, z = axes
        along, angle, growth = self.a * x[:, None], self.b * (z[:, None] - self.center), self.k * y[:, None, None]
        in_x, in_z = np.stack([np.cos(along), np.sin(along)], -1), np.stack([np.cos(angle), np.sin(angle)], -1)
        slope_x = self.a[:, None] * np.stack([-in_x[..., 1], in_x[..., 0]], -1)
        slope_z = self.b[:, None] * np.stack([-in_z[..., 1], in_z[..., 0]], -1)
        both = np.stack([np.sinh(growth), np.cosh(growth)], -1)
        in_y, slope_y = both * self.scale_per_k[..., None], both[..., ::-1] * self.scale[..., None]
        values = np.empty((len(x), len(y), len(z), 3))
        for i, parts in enumerate(((slope_x, in_y, in_z), (in_x, slope_y, in_z), (in_x, in_y, slope_z))):
            values[..., i] = np.einsum("xpi,ypqj,zqk,pqijk->xyz", *parts, w, optimize=True)
        return values

    def tables(self) -> tuple[Any, ...]:
        """Return what compiled functions read: a, b, k, scale, scale / k."""
        return self.a, self.b, self.k, self.scale, self.scale_per_k
