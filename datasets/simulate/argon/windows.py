"""From trigger primitives to images: where a window is put, and what is drawn into it. Imported with numba.

Simulated and real primitives go through the same code. A primitive says when it begins, peaks and ends, and its sum:
it is drawn as a triangle through these with that sum.
"""

from __future__ import annotations

import numba

from datasets.simulate.argon.readout import CHANNEL, INTEGRAL, OVER, PLANE, START, TO_PEAK

ROUNDS = 3


@numba.njit
def centre(primitives, count, plane, channel, tick, width, height):  # type: ignore[no-untyped-def]
    """Return channel and tick of a window's middle: the ADC-weighted mean of what lies in it, moved three times.

    Args:
        primitives: (P, 7).
        count: how many of them there are.
        plane: which plane counts.
        channel: where the middle is first.
        tick: where the middle is first.
        width: of the window [channels].
        height: of the window [ticks].

    Returns:
        Channel and tick (of the primitives' peaks), and the sum of the primitives in the last window but one.
    """
    total = 0.0
    for _ in range(ROUNDS):
        total, one, two = 0.0, 0.0, 0.0
        for i in range(count):
            row = primitives[i]
            c, t = row[CHANNEL], row[START] + row[TO_PEAK]
            if row[PLANE] == plane and abs(c - channel) <= 0.5 * width and abs(t - tick) <= 0.5 * height:
                total, one, two = total + row[INTEGRAL], one + row[INTEGRAL] * c, two + row[INTEGRAL] * t
        if total > 0.0:
            channel, tick = one / total, two / total
    return channel, tick, total


@numba.njit
def first_of(middle, size):  # type: ignore[no-untyped-def]
    """Return the first of `size` whole numbers whose middle is nearest to `middle`: mirrored it is the same window."""
    return round(middle - 0.5 * (size - 1))


@numba.njit
def height_at(sample, peak, over):  # type: ignore[no-untyped-def]
    """Return the triangle's height at a sample, 1 at its peak, for a sum that is (over + 1) / 2."""
    return (sample + 1.0) / (peak + 1.0) if sample <= peak else (over - sample) / (over - peak)


@numba.njit
def draw(primitives, count, plane, channel, tick, image):  # type: ignore[no-untyped-def]
    """Add a plane's primitives to an image (ticks, channels) whose first pixel is `channel`, `tick`."""
    for i in range(count):
        row = primitives[i]
        column = int(row[CHANNEL]) - channel
        if row[PLANE] != plane or column < 0 or column >= image.shape[1]:
            continue
        over, peak, start = int(row[OVER]), int(row[TO_PEAK]), int(row[START]) - tick
        scale = 2.0 * row[INTEGRAL] / (over + 1.0)
        for sample in range(max(0, -start), min(over, image.shape[0] - start)):
            image[start + sample, column] += scale * height_at(sample, peak, over)
