"""Images of three planes from trigger primitives: the code that the simulation uses, for primitives of any origin."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def table(
    plane: ArrayLike, channel: ArrayLike, start: ArrayLike, to_peak: ArrayLike, over: ArrayLike, integral: ArrayLike
) -> Floats:
    """Return primitives as rows that `windows` reads.

    Args:
        plane: 0 U, 1 V, 2 X.
        channel: number that grows as u, v, w do, without a jump where wires wrap.
        start: first sample above threshold [ticks].
        to_peak: samples from there to the largest one.
        over: samples above threshold.
        integral: their sum [ADC].
    """
    columns = (plane, channel, start, to_peak, over, np.zeros_like(channel), integral)
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def windows(
    primitives: Floats, middles: Floats, width: int = 16, height: int = 128
) -> tuple[NDArray[np.float32], Floats, NDArray[np.bool_]]:
    """Draw what three windows show, each moved to the ADC-weighted mean of what lies in it.

    Args:
        primitives: of all planes, see `table`.
        middles: where the windows of U, V, X begin their search, (3, 2) channel and tick.
        width: of the images [channels].
        height: of the images [ticks].

    Returns:
        Images (3, height, width) [ADC], rows ticks and columns channels; the middles that were found (3, 2); whether a
        plane shows anything (3,).
    """
    from datasets.simulate.argon.window import draw_window

    images, found, seen = np.zeros((3, height, width), np.float32), np.empty((3, 2)), np.zeros(3, bool)
    for plane in range(3):
        *found[plane], total = draw_window(primitives, plane, *map(float, middles[plane]), images[plane])
        seen[plane] = total > 0
    return images, found, seen
