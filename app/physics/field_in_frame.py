"""Composed fields: the sum of several, and one in a rotated and shifted frame."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.physics.arrays import Array
from app.physics.magnetic_field import Field, Symmetry

NO_SYMMETRY = Symmetry(False, False, True, True)


@dataclass(frozen=True)
class SumOfFields:
    """The sum of fields [T]; linear, because Maxwell's equations are.

    Attributes:
        parts: the fields.
        scale: factor of all; -1 reverses the polarity.
    """

    parts: tuple[Field, ...]
    scale: float = 1.0

    @property
    def symmetry(self) -> Symmetry:
        """None is promised."""
        return NO_SYMMETRY

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (Bx, By, Bz) [T] at (x, y, z) [mm]."""
        first, *others = [part(x, y, z) for part in self.parts]
        for other in others:
            first = (first[0] + other[0], first[1] + other[1], first[2] + other[2])
        return self.scale * first[0], self.scale * first[1], self.scale * first[2]

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return where all parts are known."""
        known: Array = True
        for part in self.parts:
            known = known & part.inside(x, y, z)
        return known


@dataclass(frozen=True, eq=False)
class FieldInFrame:
    """A field in a frame of each track's own, so that the equation of motion in z holds for any direction of flight.

    A track that flies along the third axis of its frame has slopes near 0 there, be it in a barrel or an end-cap.

    Attributes:
        field: B(x, y, z) [T] in the fixed frame.
        origin: of the frames, (3, N) [mm].
        axes: unit vectors of the frames' axes, right-handed, (3 axes, 3 components, N).
    """

    field: Field
    origin: NDArray[np.float64]
    axes: NDArray[np.float64]

    @property
    def symmetry(self) -> Symmetry:
        """None is promised."""
        return NO_SYMMETRY

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (Bx, By, Bz) [T] along the frames' axes at the frames' (x, y, z) [mm], each of shape (N,)."""
        b = self.field(*self.fixed(x, y, z, self.origin))
        bx, by, bz = (axis[0] * b[0] + axis[1] * b[1] + axis[2] * b[2] for axis in self.axes)
        return bx, by, bz

    def fixed(self, x: Array, y: Array, z: Array, origin: Any = (0.0, 0.0, 0.0)) -> tuple[Array, Array, Array]:
        """Return a vector of the frames in the fixed frame; with their `origin` a point [mm]."""
        first, second, third = self.axes
        a, b, c = (origin[i] + first[i] * x + second[i] * y + third[i] * z for i in range(3))
        return a, b, c

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return where the field is known."""
        return self.field.inside(*self.fixed(x, y, z, self.origin))
