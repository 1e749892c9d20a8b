"""The physics-informed network: it gives a whole track, whose derivatives are compared with the equation of motion."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.models import MODELS
from app.models.mlp import HiddenLayers, dense


@MODELS("pinn", light=True, kind="track")
def pinn(
    features: Any,
    scale: Mapping[str, Any],
    *,
    layers: HiddenLayers,
    derivative: Literal["spectral", "forward", "gradient_tape"] = "spectral",
    initial_condition: Literal["hard", "soft"] = "hard",
    coefficients: Annotated[int, Field(ge=2, le=64)] = 12,
) -> Any:
    """A track at every zeta in [0, 1]: straight_line(zeta) + (q/p) K(zeta), for the constraint `lorentz_residual`.

    "spectral": the network gives Chebyshev coefficients of dtx/dzeta and dty/dzeta, and slopes and positions are their
    exact integrals. dx/dz = tx and dy/dz = ty then hold identically, and states at all points are two small matrix
    products. "forward" and "gradient_tape": `K = zeta Net([features, zeta])` with its derivative carried along or from
    tf.GradientTape; the same numbers, at 14 and 35 times the cost of a step.

    It needs one task with the targets x, y, tx, ty and the transform `kick` on the straight line.

    Args:
        features: standardised inputs (N, F).
        scale: mean and std of the kick at zeta = 1, and the mean dz [mm], of the training split.
        layers: sizes and activation of the hidden layers.
        preset: the sizes of the hidden layers by name, as in `mlp`.
        activation: after each hidden layer; a smooth one, for its derivative enters the loss.
        derivative: the form.
        initial_condition: "hard" holds at zeta = 0 by construction, "soft" only by the constraint `initial_condition`.
        coefficients: of the spectral series.

    Returns:
        The layer of the whole track and the features that it takes.

    References:
        M. Raissi, P. Perdikaris, G. Karniadakis, J. Comput. Phys. 378 (2019) 686; L. Trefethen, Spectral Methods in
        MATLAB (2000), chapter 6.
    """
    mean, std = scale["mean"], scale["std"]
    hard = initial_condition == "hard"
    if derivative != "spectral":
        from app.models.blocks.network_tracks import NetworkPath

        return NetworkPath(mean, std, layers.sizes, layers.activation, derivative, hard, name="path"), features
    from app.models.blocks.spectral_tracks import SoftSpectralPath, SpectralPath

    inner = dense(features, layers.sizes, layers.activation)
    if hard:
        return SpectralPath(mean, std, scale["length"], coefficients, name="path"), inner
    return SoftSpectralPath(mean, std, coefficients, name="path"), inner
