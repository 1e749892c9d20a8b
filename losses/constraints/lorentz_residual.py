"""The Lorentz equation at collocation points along the track."""

from typing import Any

from app.core.libraries import keras
from losses.constraints import CONSTRAINTS, Track
from losses.constraints._equation_of_motion import squared_residual


@CONSTRAINTS("lorentz_residual", needs="along", terms=("pde_loss",))
def lorentz_residual(track: Track) -> Any:
    """Mean over collocation points and components of ((d state/d zeta - dz Lorentz(state, B(z))) / scale)^2.

    It makes the predicted track follow the equation of motion between its ends, with each track's own dz and the field
    at the true z. It needs no truth, so that it also works on unlabelled states. With many labelled tracks it gains
    nothing; see the measurements in docs/results/track_extrapolation.md.

    Args:
        track: the predicted tracks.

    Returns:
        One value per event, (N, 1).

    References:
        M. Raissi, P. Perdikaris, G. Karniadakis, J. Comput. Phys. 378 (2019) 686, equation 4.
    """
    states, derivatives = track.along(track.zeta)  # type: ignore[misc]
    squares = squared_residual(track, states, derivatives, track.zeta)
    return keras.ops.mean(squares, axis=1, keepdims=True)
