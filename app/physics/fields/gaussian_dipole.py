"""A dipole whose vertical field is a Gaussian along the beam axis."""

from dataclasses import dataclass

from app.core.types import Positive
from app.physics.arrays import Array, module_of
from app.physics.magnetic_field import FIELDS, Symmetry


@FIELDS("gaussian_dipole")
@dataclass(frozen=True, kw_only=True)
class GaussianDipole:
    """Vertical field of Gaussian shape along z, `By(z) = peak exp(-(z - center)^2 / 2 sigma^2)`.

    By(z) alone has a curl, dBy/dz. `maxwell` adds the next term of the expansion in y, `Bz = y dBy/dz` and
    `By - y^2/2 d2By/dz2`. The divergence then vanishes identically and what remains of the curl is `y^2/2 d3By/dz3`
    along x; the form is good for |y| well below sigma.

    Args:
        peak: field at the center [T].
        center: position of the peak [mm].
        sigma: width [mm].
        maxwell: add the first Maxwell term.

    References:
        K. Brown, A first- and second-order matrix theory for the design of beam transport systems, SLAC-75 (1982), II.
    """

    peak: float = -1.0182
    center: float = 5007.0
    sigma: Positive = 1744.0
    maxwell: bool = False

    @property
    def symmetry(self) -> Symmetry:
        """Even in x and y; depends on y with the Maxwell term only."""
        return Symmetry(True, True, False, self.maxwell)

    def __call__(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (0, By, Bz) [T] at (x, y, z) [mm]; without the Maxwell term By has the shape of z."""
        u = (z - self.center) * (1.0 / self.sigma)
        by = self.peak * module_of(z).exp(-0.5 * u * u)
        if not self.maxwell:
            return 0.0, by, 0.0
        v = y * (1.0 / self.sigma)
        return 0.0, by * (1.0 - 0.5 * v * v * (u * u - 1.0)), -by * u * v

    def inside(self, x: Array, y: Array, z: Array) -> Array:
        """Return True: the formula holds everywhere."""
        return True
