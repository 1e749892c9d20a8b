"""What a track does without a field, and in a field squeezed into one plane."""

from __future__ import annotations

from app.physics.arrays import Array, module_of


def straight_line(state: Array, dz: Array) -> Array:
    """Return (x + tx dz, y + ty dz, tx, ty).

    Args:
        state: x, y [mm], tx, ty, shape (..., 4).
        dz: distance along z [mm], a number or of shape (...).
    """
    x, y, tx, ty = (state[..., i] for i in range(4))
    return module_of(state).stack([x + tx * dz, y + ty * dz, tx, ty], axis=-1)
