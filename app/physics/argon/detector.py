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

from app.physics.argon.planes import PITCH, PROJECTION, TICKS_PER_CM

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
APA_EDGE = 231.5
"""Where the second pair of APAs begins in z [cm]."""

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
TIME_OFFSET = -53.9
"""Offset [ticks]: charge from |x| arrives at 12.455 |x| - 53.9 on the clock of the files."""
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


def apa_of(position: Floats) -> Integers:
    """Return the APA to which charge at global positions (..., 3) [cm] drifts."""
    position = np.asarray(position, np.float64)
    return 2 * (position[..., 2] > APA_EDGE).astype(np.int64) + (position[..., 1] > 0)


def face_of(position: Floats) -> Integers:
    """Return the face, 0 for x < 0 and 1 for x > 0."""
    return (np.asarray(position)[..., 0] > 0).astype(np.int64)


def to_canonical(vector: Floats, apa: Integers, face: Integers) -> Floats:
    """Return positions [cm] or directions, (..., 3), of the global frame in the canonical frame of a face."""
    return np.asarray(SIGNS[np.asarray(apa) % 2, face] * vector)


def from_canonical(vector: Floats, apa: Integers, face: Integers) -> Floats:
    """Return positions [cm] or directions, (..., 3), of the canonical frame in the global one: the inverse."""
    return to_canonical(vector, apa, face)


def wire(channel: Integers, face: Integers) -> Integers:
    """Return the number by which channels are counted in the canonical frame of a face.

    On U and V it is 0-799 and goes on at 0; on X 0-479, backward where `REVERSED` says so. It grows as u, v, w do.
    """
    apa, plane, _, number = split(channel)
    backward = (plane == 2) & REVERSED[apa % 2, face]
    return np.asarray(np.where(backward, FACE_WIRES - 1 - number, number))


def wires_at(position: Floats, apa: Integers, face: Integers) -> Floats:
    """Return the numbers of `wire` on U, V and X, (..., 3), nearest to global positions (..., 3) [cm], not rounded."""
    uv = to_canonical(position, apa, face) @ PROJECTION[:2].T
    offset = np.stack([OFFSET[0][apa, face], OFFSET[1][apa, face]], axis=-1)
    number = np.asarray(position)[..., 2] / PITCH[2] + X_OFFSET[apa, face]
    backward = REVERSED[np.asarray(apa) % 2, face]
    w = np.where(backward, FACE_WIRES - 1 - number, number)
    return np.concatenate([(uv + offset) % WRAP, w[..., None]], axis=-1)


def channels_at(position: Floats) -> Integers:
    """Return the channels of U, V and X, (..., 3), that see charge from global positions (..., 3) [cm]."""
    apa, face = apa_of(position), face_of(position)
    number = np.rint(wires_at(position, apa, face)).astype(np.int64)
    backward = REVERSED[apa % 2, face]
    x = np.where(backward, FACE_WIRES - 1 - number[..., 2], number[..., 2]).clip(0, FACE_WIRES - 1)
    local = [FIRST[0] + number[..., 0] % WRAP, FIRST[1] + number[..., 1] % WRAP, FIRST[2] + FACE_WIRES * face + x]
    return np.asarray(apa[..., None] * CHANNELS + np.stack(local, axis=-1))


def arrival(distance: Floats) -> Floats:
    """Return when charge arrives on the clock of the files [ticks], from |x| [cm]."""
    return TIME_OFFSET + TICKS_PER_CM * np.asarray(distance, np.float64)
