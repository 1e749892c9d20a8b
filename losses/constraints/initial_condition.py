"""The start of a predicted track must be the start state."""

from typing import Any

import numpy as np

from app.physics.magnet import start_state
from losses.constraints import CONSTRAINTS, Track


@CONSTRAINTS("initial_condition", needs="along", terms=("ic_loss",))
def initial_condition(track: Track) -> Any:
    """Mean over components of ((state(zeta = 0) - start state) / scale)^2.

    It acts on a `pinn` with `"initial_condition": "soft"`; a hard form fulfils it by construction, and its value is 0.

    Args:
        track: the predicted tracks.

    Returns:
        One value per event, (N, 1).
    """
    states, _ = track.along(np.zeros(1, np.float32))  # type: ignore[misc]
    qop = track.columns["qop"][:, None]
    pairs = zip(states, start_state(track.columns), track.std, strict=True)
    return sum(((state - start[:, None]) / (qop * float(std))) ** 2 for state, start, std in pairs) / 4.0
