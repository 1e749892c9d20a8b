"""A constant field, whose exact trajectories are helices."""

from dataclasses import dataclass

from app.physics.arrays import Array
from app.physics.magnetic_field import FIELDS, Symmetry


@FIELDS("uniform")
@dataclass(frozen=True, kw_only=True)
class Uniform:
    """The same field vector everywhere; tracks are helices.

    Args:
        bx: x component [T].
        by: y component [T].
        bz: z component [T].
    """

    bx: float = 0.0
    by: float = -1.0
    bz: float = 0.0

    @property
    def symmetry(self) -> Symmetry:
        """Mirror symmetric unless a component breaks the symmetry."""
        return Symmetry(self.bx == 0, self.bx == 0 and self.bz == 0, False, False, False)

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (bx, by, bz) [T], three numbers."""
        return self.bx, self.by, self.bz

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return True: the formula holds everywhere."""
        return True
