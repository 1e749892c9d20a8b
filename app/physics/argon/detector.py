"""The anodes of DUNE's 1x2x2 simulation: channels, sides, and the frame in which all sides are one.

Four anode plane assemblies (APA) hang in the plane x = 0, y up, z along the beam: 0 at y < 0 and z < 231.5 cm, 1 above
it, 2 and 3 next to them at larger z. Charge drifts to them from both sides, up to |x| = 363 cm. Each has 2,560
channels: U 0-799, V 800-1599, X 1600-2079 on its face x < 0 and 2080-2559 on its face x > 0. The wires of U and V are
wound round the frame, so that one channel sees both faces: which face it was is known from X alone.

Faces differ by rotations about 180 degrees, so that networks need to know the face or, better, see all faces in one
frame: canonical (x', y', z') = `SIGNS` times global (x, y, z). There u and v grow as `planes` says, and w
does when the X channels of two of the four kinds of faces are counted backward. Lengths in cm.

The constants were fitted to the positions of 8e4 energy deposits of DUNE's full simulation (2 files, 60 events).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CHANNELS = 2560
"""Channels of one APA."""
FIRST = (0, 800, 1600)
"""First channel of U, V, X on an APA."""
WRAP = 800
"""Number of U or V channels: their wires are counted modulo this."""
FACE_WIRES = 480
"""X wires of one face."""

SIGNS: Floats = np.array([[[-1, 1, 1], [1, 1, -1]], [[-1, -1, -1], [1, -1, 1]]], float)
"""Canonical = SIGNS[apa % 2, face] * global, face 0 = x < 0, 1 = x > 0; upper APAs have odd numbers. All det -1."""
REVERSED = np.array([[False, True], [True, False]])
"""Whether w counts the X channels backward, by [apa % 2, face]."""
OFFSET: Floats = np.array(
    [
        [[749.2, 750.6], [350.6, 349.2], [344.7, 355.0], [755.1, 744.8]],
        [[350.1, 348.7], [748.7, 750.1], [754.6, 744.3], [344.2, 354.3]],
    ]
)
"""Offsets of U and V: wire = (s y' +- c z') / 0.4666 + OFFSET[plane, apa, face], modulo 800."""
X_OFFSET: Floats = np.array([[-1.3, -1.25], [-1.3, -1.25], [-486.4, -486.4], [-486.4, -486.4]])
"""Offsets of X: number on its face = z / 0.479 + X_OFFSET[apa, face], on all faces growing with z."""
PEAK_OFFSET = (-59.9, -55.4, -47.3)
"""Offsets [ticks] of the maxima of the pulses of U, V, X; charge passes U and V before it ends on X."""
for _table in (SIGNS, REVERSED, OFFSET, X_OFFSET):
    _table.setflags(write=False)


class Channels(NamedTuple):
    """Where channels belong: APA, plane (0 U, 1 V, 2 X), face (0, 1; -1 on U and V), number within plane and face."""

    apa: Integers
    plane: Integers
    face: Integers
    number: Integers


def split(channel: Integers) -> Channels:
    """Return APA, plane, face and number of channels."""
    apa, local = np.divmod(np.asarray(channel, np.int64), CHANNELS)
    plane = np.minimum(local // WRAP, 2)
    face = np.where(plane < 2, -1, (local - FIRST[2]) // FACE_WIRES)
    return Channels(apa, plane, face, local - np.asarray(FIRST)[plane] - np.maximum(face, 0) * FACE_WIRES)


def to_canonical(vector: Floats, apa: Integers, face: Integers) -> Floats:
    """Return positions [cm] or directions, (..., 3), of the global frame in the canonical frame of a face."""
    return np.asarray(SIGNS[np.asarray(apa) % 2, face] * vector)
