"""Classical extrapolations: from a start state to the state at z_start + dz with no or little of the field.

Each is a function of (magnet, columns) that returns (x, y, tx, ty), NumPy or tensors, so that it serves as a baseline,
as the part of a network's target that need not be learned, and as a model of its own.
"""

from app.core.catalog import Catalog
from app.core.types import Facts
from app.physics.lorentz import State


class ExtrapolationFacts(Facts):
    """What an extrapolation says of itself: whether it needs the magnetic field."""

    field: bool


EXTRAPOLATIONS = Catalog[State, ExtrapolationFacts](
    "extrapolation", "app.physics.extrapolation", facts=ExtrapolationFacts
)
