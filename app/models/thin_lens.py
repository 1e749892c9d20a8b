"""The thin lens as a model, on which a network of the whole magnet must improve."""

from typing import Annotated, Any

from pydantic import Field

from app.models import MODELS
from app.models.blocks.classical import STATE, TRACK_INPUTS, BaselineInputs


@MODELS("thin_lens", kind="classical", field=True, inputs=TRACK_INPUTS, targets=STATE)
def thin_lens(known: BaselineInputs, *, nodes: Annotated[int, Field(ge=1, le=64)] = 8) -> Any:
    """The momentum kick along the straight line, given at the centroid of the field; nothing is trained.

    `u_out = u + (q/p) c int (ty Bz - By) dz` and v likewise, with u = tx/N, v = ty/N, then two straight lines with a
    knee. The slopes are exact for a field By(z), the positions are not: 19 mm off on average over the default magnet,
    2-100 GeV, as much as one step of `rk4`. The settings of a job for training are not used, as in `rk4`.

    Args:
        known: columns, targets (of x, y, tx, ty) and the magnet of the data, which must be known.
        nodes: of the Gauss-Legendre quadrature along the line.

    Returns:
        The layer from raw inputs to the targets (N, T), x and y in mm.
    """
    from app.models.blocks.classical_layers import extrapolation_layer

    return extrapolation_layer(known, name="thin_lens", nodes=nodes)
