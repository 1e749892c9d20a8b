"""The mirror symmetries of a dipole: every track is looked at as one of positive charge that goes upward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import Place, Problem, UserError
from app.physics.arrays import module_of
from app.physics.magnet import Magnet
from datasets.transforms import Columns, Tensor

HORIZONTAL, VERTICAL = ("x", "tx", "qop"), ("y", "ty")


@dataclass(frozen=True)
class Mirror:
    """Folds (x, tx, q) -> -(x, tx, q) by the sign of q/p and (y, ty) -> -(y, ty) by the sign of ty, or of y at ty = 0.

    A network behind the mirror sees a quarter of the phase space, and what it gives is symmetric by construction. It is
    right for a field with By even and Bx odd in x, and By even, Bx and Bz odd in y.
    """

    def signs(self, columns: Columns) -> dict[str, Tensor]:
        """Return +1 or -1 (N,) by column name; targets carry the names of their start columns."""
        qop, y, ty = columns["qop"], columns["y"], columns["ty"]
        xp = module_of(qop)
        one = xp.ones_like(qop)  # in the precision of the columns
        horizontal = xp.where(qop < 0, -one, one)
        vertical = xp.where((ty < 0) | ((ty == 0) & (y < 0)), -one, one)
        return dict.fromkeys(HORIZONTAL, horizontal) | dict.fromkeys(VERTICAL, vertical)

    def fold(self, columns: Columns) -> dict[str, Tensor]:
        """Return the columns of the mirrored tracks."""
        signs = self.signs(columns)
        return {name: value * signs[name] if name in signs else value for name, value in columns.items()}

    def targets(self, names: Sequence[str], values: Tensor, columns: Columns) -> Tensor:
        """Return targets (N, names) of the mirrored tracks, or back: the operation is its own inverse."""
        signs = self.signs(columns)
        return values * module_of(columns["qop"]).stack([signs[name] for name in names], axis=-1)


def check_mirror(
    magnet: Magnet | None, columns: Sequence[str], targets: Sequence[str], where: Place = ("model", "inputs", "mirror")
) -> None:
    """Refuse the mirror, asked for at `where` in the job, when the data have no such symmetry."""
    for name in ("x", "y", "tx", "ty", "qop"):
        if name not in columns:
            raise UserError(Problem(f"no input column {name!r} to mirror", where, expected="track states"))
    for target in targets:
        if target not in (*HORIZONTAL, *VERTICAL):
            raise UserError(Problem(f"the target {target!r} has no mirror image", where, expected="x, y, tx, ty"))
    if magnet is None:
        expected = "'field' in the dataset, or data of 'simulate'"
        raise UserError(Problem("the field of the data is not known", where, expected=expected, received=True))
    symmetry = magnet.field.symmetry
    for axis, holds in (("x", symmetry.mirror_x), ("y", symmetry.mirror_y)):
        if not holds:
            what = f"the field {magnet.field_json['name']!r} is not symmetric in {axis}"
            raise UserError(Problem(what, where, expected="false, or a field with By even in x and y", received=True))
