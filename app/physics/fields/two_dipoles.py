"""Two point dipoles above and below the beam axis: a three-dimensional field that obeys Maxwell's equations."""

from dataclasses import dataclass

from app.core.types import Positive
from app.physics.arrays import Array, module_of
from app.physics.magnetic_field import FIELDS, Symmetry

CUBIC_MM_PER_CUBIC_M = 1e9


@FIELDS("two_dipoles")
@dataclass(frozen=True, kw_only=True)
class TwoDipoles:
    """Two point dipoles along y at (0, +-height, center), `B = k sum_i [3 (m.R_i) R_i / |R_i|^5 - m / |R_i|^3]`.

    Free of divergence and curl away from the dipoles: a test case in which every component acts. It is singular at the
    dipoles themselves, where no track may pass, and its stray field falls as 1/z^3 only.

    Args:
        strength: k of each dipole [T m^3]; 16.512 gives 1.032 T on the axis at the center.
        height: distance of the dipoles from the axis [mm].
        center: their position along z [mm].

    References:
        J. D. Jackson, Classical Electrodynamics, 3rd ed., eq. 5.56.
    """

    strength: float = 16.512
    height: Positive = 4000.0
    center: float = 5000.0

    @property
    def symmetry(self) -> Symmetry:
        """Even in x and y, depends on both."""
        return Symmetry(True, True, True, True)

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (Bx, By, Bz) [T] at (x, y, z) [mm]."""
        upper, lower = self._one(x, y - self.height, z), self._one(x, y + self.height, z)
        return upper[0] + lower[0], upper[1] + lower[1], upper[2] + lower[2]

    def _one(self, x: Array, dy: Array, z: Array) -> tuple[Array, Array, Array]:
        dz = z - self.center
        squared = x * x + dy * dy + dz * dz
        cube = self.strength * CUBIC_MM_PER_CUBIC_M / (squared * module_of(squared).sqrt(squared))
        slope = 3.0 * dy / squared
        return cube * slope * x, cube * (slope * dy - 1.0), cube * slope * dz

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return True: the formula holds everywhere but at the dipoles."""
        return True
