"""Where charge in argon is seen: from positions to anodes, faces, wires and times, to compare programs with."""

import numpy as np

from app.physics.argon.detector import (
    CHANNELS,
    FACE_WIRES,
    FIRST,
    OFFSET,
    REVERSED,
    WRAP,
    X_OFFSET,
    split,
    to_canonical,
)
from app.physics.argon.planes import PITCH, PROJECTION, TICKS_PER_CM, WIRE_ANGLE

APA_EDGE = 231.5
"""Where the second pair of APAs begins in z [cm]."""
TIME_OFFSET = -53.9
"""Offset [ticks]: charge from |x| arrives at 12.455 |x| - 53.9 on the clock of the files."""


def project(position):
    """Return u, v, w [channels] and the drift time [ticks], (..., 4), of canonical positions (..., 3) [cm]."""
    return np.asarray(position, np.float64) @ PROJECTION.T


def locate(u, v, tick):
    """Return canonical positions (..., 3) [cm] of charge on wires u, v at a drift time: the inverse of `project`."""
    y = (u * PITCH[0] + v * PITCH[1]) / (2 * np.sin(WIRE_ANGLE))
    z = (u * PITCH[0] - v * PITCH[1]) / (2 * np.cos(WIRE_ANGLE))
    return np.stack([tick / TICKS_PER_CM, y, z], axis=-1)


def apa_of(position):
    """Return the APA to which charge at global positions (..., 3) [cm] drifts."""
    position = np.asarray(position, np.float64)
    return 2 * (position[..., 2] > APA_EDGE).astype(np.int64) + (position[..., 1] > 0)


def face_of(position):
    """Return the face, 0 for x < 0 and 1 for x > 0."""
    return (np.asarray(position)[..., 0] > 0).astype(np.int64)


def wire(channel, face):
    """Return the number by which channels are counted in the canonical frame of a face; it grows as u, v, w do."""
    apa, plane, _, number = split(channel)
    backward = (plane == 2) & REVERSED[apa % 2, face]
    return np.asarray(np.where(backward, FACE_WIRES - 1 - number, number))


def wires_at(position, apa, face):
    """Return the numbers of `wire` on U, V and X, (..., 3), nearest to global positions (..., 3) [cm], not rounded."""
    uv = to_canonical(position, apa, face) @ PROJECTION[:2].T
    offset = np.stack([OFFSET[0][apa, face], OFFSET[1][apa, face]], axis=-1)
    number = np.asarray(position)[..., 2] / PITCH[2] + X_OFFSET[apa, face]
    backward = REVERSED[np.asarray(apa) % 2, face]
    w = np.where(backward, FACE_WIRES - 1 - number, number)
    return np.concatenate([(uv + offset) % WRAP, w[..., None]], axis=-1)


def channels_at(position):
    """Return the channels of U, V and X, (..., 3), that see charge from global positions (..., 3) [cm]."""
    apa, face = apa_of(position), face_of(position)
    number = np.rint(wires_at(position, apa, face)).astype(np.int64)
    backward = REVERSED[apa % 2, face]
    x = np.where(backward, FACE_WIRES - 1 - number[..., 2], number[..., 2]).clip(0, FACE_WIRES - 1)
    local = [FIRST[0] + number[..., 0] % WRAP, FIRST[1] + number[..., 1] % WRAP, FIRST[2] + FACE_WIRES * face + x]
    return np.asarray(apa[..., None] * CHANNELS + np.stack(local, axis=-1))


def arrival(distance):
    """Return when charge arrives on the clock of the files [ticks], from |x| [cm]."""
    return TIME_OFFSET + TICKS_PER_CM * np.asarray(distance, np.float64)


def windows(primitives, middles, width=16, height=128):
    """Draw what three windows show, each moved to the ADC-weighted mean of what lies in it.

    Returns:
        Images (3, height, width) [ADC]; the middles that were found (3, 2); whether a plane shows anything (3,).
    """
    from datasets.simulate.argon.primitives import draw_window

    images, found, seen = np.zeros((3, height, width), np.float32), np.empty((3, 2)), np.zeros(3, bool)
    for plane in range(3):
        *found[plane], total = draw_window(primitives, plane, *map(float, middles[plane]), images[plane])
        seen[plane] = total > 0
    return images, found, seen
