"""Transforms of directions: components of a vector to length 1, an angle to its point on the circle."""

import math
from collections.abc import Sequence
from typing import Any

from app.core.errors import Place, Problem, UserError, unknown
from app.core.types import Listed, Positive
from app.physics.arrays import module_of
from app.physics.directions import unit
from app.physics.magnet import Magnet
from datasets.transforms import TRANSFORMS, Columns, Tensor, Transform

SLACK = 1e-6
"""How far outside its period an angle may be, in periods: an end of the range in another precision."""


class UnitVector(Transform):
    """The direction of a vector, whatever its length."""

    domain = "vectors of a length above 0"

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return target / |target|, NaN where the length is 0."""
        xp = module_of(target)
        some = xp.max(xp.abs(target), axis=-1, keepdims=True) > 0
        return xp.where(some, unit(target), xp.ones_like(target) * math.nan)

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return output / |output|, 0 where the length is 0."""
        return unit(output)


class Circular(Transform):
    """An angle as (cos, sin), which has no seam: what lies on either side of it is near to each other again.

    Args:
        names: of all columns that come in.
        columns: the angles among them.
        period: of the angles.
        start: the lower end of the range that angles are given in.
    """

    def __init__(self, names: Sequence[str], columns: Sequence[str], period: float, start: float) -> None:
        super().__init__()
        self.angular = tuple(name in columns for name in names)
        self.period, self.start = period, start
        self.domain = f"angles from {start:g} to {start + period:g} (else see 'period' and 'start')"

    def outputs(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names with `cos_<name>`, `sin_<name>` in the place of every angle."""
        pairs = zip(names, self.angular, strict=True)
        return tuple(n for name, is_angle in pairs for n in ((f"cos_{name}", f"sin_{name}") if is_angle else (name,)))

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return (N, columns) with the cosine and the sine of every angle, NaN for one outside of its period."""
        xp = module_of(target)
        columns: list[Any] = []
        for place, is_angle in enumerate(self.angular):
            values = target[..., place]
            columns += self._point(xp, values) if is_angle else (values,)
        return xp.stack(columns, axis=-1)

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return (N, targets) with the angles of the points (cos, sin), whatever their distance from the origin."""
        xp = module_of(output)
        columns, place = [], 0
        for is_angle in self.angular:
            values = output[..., place]
            columns.append(self._angle(xp, values, output[..., place + 1]) if is_angle else values)
            place += 2 if is_angle else 1
        return xp.stack(columns, axis=-1)

    def _point(self, xp: Any, values: Tensor) -> tuple[Tensor, Tensor]:
        low, high = self.start - SLACK * self.period, self.start + (1 + SLACK) * self.period
        inside = (values >= low) & (values <= high)
        radians = xp.where(inside, values, xp.ones_like(values) * math.nan) * (2 * math.pi / self.period)
        return xp.cos(radians), xp.sin(radians)

    def _angle(self, xp: Any, cosine: Tensor, sine: Tensor) -> Tensor:
        nowhere = (cosine == 0) & (sine == 0)  # has no angle, and atan2 no derivative: taken as 0
        angle = xp.arctan2(sine, xp.where(nowhere, xp.ones_like(cosine), cosine)) * (self.period / (2 * math.pi))
        return xp.where(angle < self.start, angle + self.period, angle)


@TRANSFORMS("unit_vector", example=lambda random: unit(random.normal(size=(50, 4))))
def unit_vector(targets: Sequence[str], magnet: Magnet | None) -> tuple[Transform, ...]:
    """The components of a direction at length 1, of the truth and of the prediction."""
    if len(targets) < 2:
        expected = "two components of a vector at least"
        raise UserError(
            Problem("one number is not a direction", ("transform",), expected=expected, received=list(targets))
        )
    return (UnitVector(),)


@TRANSFORMS("circular", example=lambda random: random.uniform(-3.1, 3.1, size=(50, 4)))
def circular(
    targets: Sequence[str],
    magnet: Magnet | None,
    *,
    period: Positive = 2 * math.pi,
    start: float | None = None,
    columns: Listed | None = None,
) -> tuple[Transform, ...]:
    """An angle as (cos, sin); the steps behind it see the columns cos_<name>, sin_<name> in its place.

    Args:
        targets: names of the columns.
        magnet: not used.
        period: of the angles: 6.283185307179586 for rad, 360 for degrees.
        start: lower end of the range that the angles of the data lie in and predictions will, from -period / 2 (the
            default) to period / 2: 0 for angles from 0 to 360 degrees.
        columns: which targets are angles; all of them without it.
    """
    where: Place = ("transform", "columns")
    for name in columns or ():
        if name not in targets:
            raise UserError(unknown("target", name, targets, where))
    start = -period / 2 if start is None else start
    if abs(start) > period / 2:
        expected = f"a number from {-period / 2:g} to {period / 2:g}, half the period"
        raise UserError(Problem("no lower end of a period", ("transform", "start"), expected=expected, received=start))
    return (Circular(targets, columns or targets, period, start),)
