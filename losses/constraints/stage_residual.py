"""The stages of a Runge-Kutta network must be derivatives of the Lorentz equation."""

from typing import Any

from app.core.types import Count
from app.physics.lorentz import State
from losses.constraints import CONSTRAINTS, Track
from losses.constraints._equation_of_motion import squared_residual


@CONSTRAINTS("stage_residual", needs="stages", terms=("stage_1_loss", "stage_2_loss", "stage_3_loss", "stage_4_loss"))
def stage_residual(track: Track, *, stages: Count = 4) -> Any:
    """((k_i - dz Lorentz(state_i, B(z_i))) / scale)^2 at each stage of an `rk_pinn`, mean over components.

    Fulfilled exactly the network is one step of RK4 with its error: large weights hurt.

    Args:
        track: the predicted tracks.
        stages: how many of the model's stages enter, from the first on; not more than it has.

    Returns:
        One value per event and stage, (N, stages).
    """
    states, derivatives, nodes = track.stages()  # type: ignore[misc]
    states, derivatives = _first(states, stages), _first(derivatives, stages)
    return squared_residual(track, states, derivatives, nodes[:stages])


def _first(state: State, stages: int) -> State:
    x, y, tx, ty = (component[:, :stages] for component in state)
    return x, y, tx, ty
