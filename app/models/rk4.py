"""A few Runge-Kutta steps as a model, with which a network that replaces the integrator competes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.models import MODELS
from app.models.blocks.classical import STATE, TRACK_INPUTS, BaselineInputs


@MODELS("rk4", kind="classical", field=True, inputs=TRACK_INPUTS, targets=STATE)
def rk4(
    known: BaselineInputs,
    *,
    steps: Annotated[int, Field(ge=1, le=200)] = 5,
    precision: Literal["float32", "float64"] = "float32",
) -> Any:
    """Runge-Kutta steps of order 4 through the data's own field, `steps` of equal length; nothing is trained.

    It solves the equation of motion, so its error is that of the step length alone and falls as its fourth power; over
    the default magnet, 2-100 GeV, 1 / 2 / 3 / 4 / 5 / 10 steps are 18.8 / 0.60 / 0.088 / 0.031 / 0.014 / 0.0011 mm off
    on average. Each step takes four values of the field: cheap from a formula, expensive from a map, between whose
    nodes the order is lost as well. In float32 the rounding of the slopes leaves 0.0002 mm however many steps there
    are; float64 takes two to three times as long.

    The blocks of a job that concern training, and a task's transform, head, loss and weight, are not used; the log says
    so. `inputs`, `constraints` and `unlabelled` are refused.

    Args:
        known: columns, targets (of x, y, tx, ty) and the magnet of the data, which must be known.
        steps: number of equal steps from z_start to z_start + dz.
        precision: in which the steps are computed; inputs and outputs are float32 in either case.

    Returns:
        The layer from raw inputs to the targets (N, T), x and y in mm.

    References:
        E. Hairer, S. Norsett, G. Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993), II.1 and II.14.
    """
    from app.models.blocks.classical_layers import extrapolation_layer

    return extrapolation_layer(known, precision, name="rk4", steps=steps)
