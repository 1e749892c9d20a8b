"""Projection of positions in the canonical frame onto three planes of wires and the drift time.

The canonical frame is the same for every side of every anode (`detector` folds them): x' is the distance from the
anode, in which charge drifts, y' and z' lie in the plane of the wires. There

    u = (s y' + c z') / 0.4666,  v = (s y' - c z') / 0.4666,  w = z' / 0.479  [channels],  t = 12.455 x'  [ticks],

with s, c = sin, cos of 35.7 degrees: later is farther from the anode. The frame is left-handed. Lengths in cm.

References:
    B. Abi et al. (DUNE), Far detector technical design report, volume IV, arXiv:2002.03010.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PLANES = ("U", "V", "X")
"""Names of the planes in the order of their numbers 0, 1, 2: two induction planes and the collection plane."""
PITCH = (0.4666, 0.4666, 0.479)
"""Distance between wires of U, V, X [cm], fitted to a full simulation."""
WIRE_ANGLE = np.radians(35.7)
"""Angle between the U and V wires and those of X [rad]."""
TICK = 0.5
"""Time between two samples [us]."""
TICKS_PER_CM = 12.455
"""Ticks that charge takes to drift 1 cm."""
DRIFT_SPEED = 1 / (TICKS_PER_CM * TICK)
"""Speed of drifting electrons [cm/us]: 0.1606, i.e. 0.0803 cm in a tick."""
DRIFT_LENGTH = 363.0
"""Distance from anode to cathode [cm]."""

_S, _C = float(np.sin(WIRE_ANGLE)), float(np.cos(WIRE_ANGLE))
PROJECTION: Floats = np.array(
    [
        [0.0, _S / PITCH[0], _C / PITCH[0]],
        [0.0, _S / PITCH[1], -_C / PITCH[1]],
        [0.0, 0.0, 1 / PITCH[2]],
        [TICKS_PER_CM, 0.0, 0.0],
    ]
)
"""Matrix from x', y', z' [cm] (columns) to u, v, w [channels] and t [ticks] (rows)."""
PROJECTION.setflags(write=False)
