"""The straight line as a model: no magnet at all."""

from typing import Any

from app.models import MODELS
from app.models.blocks.classical import LINE_INPUTS, STATE, BaselineInputs


@MODELS("straight_line", kind="classical", field=False, inputs=LINE_INPUTS, targets=STATE)
def straight_line(known: BaselineInputs) -> Any:
    """The start state carried along its own direction: `x + tx dz, y + ty dz, tx, ty`; nothing is trained.

    It is wrong by the whole bend, 428 mm on average over the default magnet, 2-100 GeV: the floor of every table, and
    the first figure to check when a unit of q/p or a field may be wrong. The settings of a job for training are not
    used, as in `rk4`.

    Args:
        known: columns and targets (of x, y, tx, ty).

    Returns:
        The layer from raw inputs to the targets (N, T), x and y in mm.
    """
    from app.models.blocks.classical_layers import extrapolation_layer

    return extrapolation_layer(known, name="straight_line")
