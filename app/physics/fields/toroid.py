"""A toroid: a field around the axis, which bends tracks in the plane that holds the axis."""

from dataclasses import dataclass

from app.core.types import Positive, PositiveRange, Range
from app.physics.arrays import Array, module_of
from app.physics.magnetic_field import FIELDS, Symmetry

LEAST_RADIUS = 1e-3
"""The field at the axis itself is that at this radius [mm]."""


@FIELDS("toroid")
@dataclass(frozen=True, kw_only=True)
class Toroid:
    """An azimuthal field `B_phi = strength / r` between two radii and two distances from the plane z = 0.

    This is Ampere's law for coils that are wound evenly around the axis: the divergence vanishes everywhere, the curl
    wherever no coil is. The coils have a thickness `edge`, over which the field rises as t^3 (10 - 15 t + 6 t^2); it is
    0 outside. Real toroids have eight coils, between which the field varies with phi and gets other components: that
    is left out. A positive charge that flies outward gains momentum along +z where strength is positive.

    Args:
        strength: r B_phi inside [T m].
        r: radii of the middle of the coils [mm].
        z: |z| of the middle of the coils [mm]; a lower end of 0 means that there is one toroid, else there are two.
        edge: thickness of the coils [mm].

    References:
        J. D. Jackson, Classical Electrodynamics, 3rd ed., section 5.3.
    """

    strength: float = 3.2
    r: PositiveRange = (4500.0, 10000.0)
    z: Range = (0.0, 13000.0)
    edge: Positive = 500.0

    @property
    def symmetry(self) -> Symmetry:
        """The mirror image in y holds, that in x needs the opposite charge."""
        return Symmetry(False, True, True, True)

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (Bx, By, 0) [T] at (x, y, z) [mm]."""
        squared = x * x + y * y + LEAST_RADIUS**2
        r = module_of(squared).sqrt(squared)
        share = self._within(r, self.r) * self._within(module_of(z).sqrt(z * z), self.z)
        over_r = (1000.0 * self.strength) * share / squared
        return -y * over_r, x * over_r, 0.0

    def _within(self, value: Array, interval: tuple[float, float]) -> Array:
        low, high = interval
        upper = 1.0 - self._rise(value - high)
        return upper if low <= 0.0 else upper * self._rise(value - low)

    def _rise(self, distance: Array) -> Array:
        t = module_of(distance).clip(distance * (1.0 / self.edge) + 0.5, 0.0, 1.0)
        return t * t * t * (10.0 + t * (6.0 * t - 15.0))

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return True: the formula holds everywhere."""
        return True
