"""The Runge-Kutta network: its heads are the stages of an integrator of one step."""

from collections.abc import Mapping
from typing import Any, Literal

from app.models import MODELS
from app.models.mlp import HiddenLayers, dense


@MODELS("rk_pinn", light=True, kind="track", stages=4)
def rk_pinn(
    features: Any,
    scale: Mapping[str, Any],
    *,
    layers: HiddenLayers,
    nodes: Literal["rk4", "quarters"] = "rk4",
) -> Any:
    """Four heads on one backbone give derivatives k_i; state = start + dz sum(w_i k_i), w = softmax(log w) learned.

    The weights start at exactly [1, 2, 2, 1] / 6, to which the nodes 0, 1/2, 1/2, 1 belong. The
    constraint `stage_residual` ties each k_i to the force at its stage; fulfilled exactly
    it is one step of RK4, 19 mm off over the LHCb magnet, so large weights hurt. At the nodes 1/4, 1/2, 3/4, 1 even
    exact derivatives end 114 mm off with these weights.

    It needs one task with the targets x, y, tx, ty and the transform `kick` on the straight line.

    Args:
        features: standardised inputs (N, F).
        scale: mean and std of the kick at zeta = 1 of the training split.
        layers: sizes and activation of the hidden layers.
        preset: the sizes of the hidden layers by name, as in `mlp`.
        nodes: places of the stages along the track: "rk4" at 0, 1/2, 1/2, 1 or "quarters".

    Returns:
        The stages' layer and the features (N, last hidden size) that it takes.

    References:
        M. Raissi, P. Perdikaris, G. Karniadakis, J. Comput. Phys. 378 (2019) 686, section 3.2 (discrete time models).
    """
    from app.models.blocks.track_heads import Stages

    inner = dense(features, layers.sizes, layers.activation)
    return Stages(scale["mean"], scale["std"], nodes, name="path"), inner
