"""The stages of a Runge-Kutta network must be derivatives of the Lorentz equation."""

from __future__ import annotations

from typing import Any

from losses.constraints import CONSTRAINTS, Track
from losses.constraints._equation_of_motion import squared_residual


@CONSTRAINTS("stage_residual", needs="stages", terms=("stage_1_loss", "stage_2_loss", "stage_3_loss", "stage_4_loss"))
def stage_residual(track: Track) -> Any:
    """((k_i - dz Lorentz(state_i, B(z_i))) / scale)^2 at each stage of an `rk_pinn`, mean over components.

    Fulfilled exactly the network is one step of RK4 with its error: large weights hurt.

    Args:
        track: the predicted tracks.

    Returns:
        One value per event and stage, (N, 4).
    """
    states, derivatives, nodes = track.stages()  # type: ignore[misc]
    return squared_residual(track, states, derivatives, nodes)
