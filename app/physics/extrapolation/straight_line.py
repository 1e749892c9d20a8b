"""The straight line: a track without a magnet."""

from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.lorentz import State
from app.physics.magnet import Columns, Magnet


@EXTRAPOLATIONS("straight_line", field=False)
def straight_line(magnet: Magnet | None, columns: Columns) -> State:
    """x + tx dz, y + ty dz, tx, ty: no field is needed.

    Args:
        magnet: not used.
        columns: x, y, dz [mm], tx, ty, each (N,).

    Returns:
        x, y [mm], tx, ty at z_start + dz, each (N,).
    """
    tx, ty, dz = columns["tx"], columns["ty"], columns["dz"]
    return columns["x"] + tx * dz, columns["y"] + ty * dz, tx, ty
