"""The interface of magnetic fields: one formula for generator, physics losses and benchmarks, named in the job."""

from dataclasses import dataclass
from typing import Protocol

from app.core.catalog import Catalog
from app.physics.arrays import Array


@dataclass(frozen=True)
class Symmetry:
    """The symmetries that a field declares; it declares only those that hold exactly.

    Attributes:
        mirror_x: (x, tx, q) -> -(x, tx, q) maps tracks to tracks: By, Bz even and Bx odd in x.
        mirror_y: (y, ty) -> -(y, ty) maps tracks to tracks: By even, Bx and Bz odd in y.
        depends_on_x: some component varies with x.
        depends_on_y: some component varies with y.
        depends_on_z: some component varies with z.
    """

    mirror_x: bool
    mirror_y: bool
    depends_on_x: bool
    depends_on_y: bool
    depends_on_z: bool = True


class Field(Protocol):
    """A static magnetic field (Bx, By, Bz) in T as a function of (x, y, z) in mm.

    Coordinates are NumPy arrays, TensorFlow tensors or numbers that broadcast against each other. A component that is
    zero everywhere is returned as the literal 0.0, a component that depends on z alone has the shape of z.
    """

    @property
    def symmetry(self) -> Symmetry:
        """The symmetries that the field declares."""

    def __hash__(self) -> int:
        """Equal fields share one compiled program."""

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (Bx, By, Bz) in T at (x, y, z) in mm."""

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return where the field is known; the literal True for a formula that holds everywhere."""


def beyond(field: Field) -> str:
    """Return what happened to tracks that were not inside, for messages: fields with a limit say it as `beyond`."""
    return str(getattr(field, "beyond", "left where the field is known"))


FIELDS = Catalog[Field]("field", "app.physics.fields")
