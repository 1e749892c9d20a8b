"""Trigger primitives: runs of samples above threshold. They are found, grouped, and drawn into windows.

Simulated and real primitives go through the same code. A primitive has a start, a peak, an end and a sum: it is drawn
as a triangle through these with that sum. Imported with numba.
"""

from typing import Any

import numba
import numpy as np

from datasets.simulate.argon.event_memory import SOURCES
from datasets.simulate.argon.waveforms import (
    CHANNEL,
    INTEGRAL,
    OVER,
    PEAK,
    PLANE,
    PRIMITIVES,
    START,
    TO_PEAK,
    add_noise,
    clear_waveforms,
    collect_charge,
)
from datasets.simulate.engine.compiled import compile_entry

ADC_PER_MEV = 3600.0
"""Approximate sum of ADC counts on X per MeV of an electron's energy: cluster energies are sums divided by this."""

NEAR_CHANNELS, NEAR_TICKS = 2, 20
"""Primitives so near to each other, in time from the end of one to the start of the next, belong to one group."""
WINDOW_MOVES = 3
"""How often a window is moved to the mean of its content."""


@numba.njit
def find_primitives(waveforms, electronics):  # type: ignore[no-untyped-def]
    """Fill the primitives of all waveforms, in the order of plane, channel and time."""
    count = 0
    for plane in range(3):
        threshold = electronics.threshold[plane]
        for i in range(waveforms.wave.shape[1]):
            wave, last, t = waveforms.wave[plane, i], waveforms.high[plane, i], waveforms.low[plane, i]
            while t <= last:
                if wave[t] <= threshold:
                    t += 1
                    continue
                over, peak, total = 0, t, 0.0
                while t + over <= last and wave[t + over] > threshold:
                    total += wave[t + over]
                    if wave[t + over] > wave[peak]:
                        peak = t + over
                    over += 1
                if count < PRIMITIVES:
                    row = waveforms.primitives[count]
                    row[PLANE], row[CHANNEL] = plane, waveforms.first[plane, 0] + i
                    row[START], row[TO_PEAK] = waveforms.first[plane, 1] + t, peak - t
                    row[OVER], row[PEAK], row[INTEGRAL] = over, wave[peak], total
                    count += 1
                t += over
    waveforms.found[0] = count


@numba.njit
def group_primitives(primitives, count, plane):  # type: ignore[no-untyped-def]
    """Return a number for each primitive of a plane, equal within a chain of near ones; -1 on other planes."""
    number = np.arange(count)
    for i in range(count):
        if primitives[i, PLANE] != plane:
            number[i] = -1
            continue
        for j in range(i):
            if number[j] >= 0 and are_near(primitives[i], primitives[j]):
                first, second = find_root(number, i), find_root(number, j)
                number[max(first, second)] = min(first, second)
    for i in range(count):
        if number[i] >= 0:
            number[i] = find_root(number, i)
    return number


@numba.njit
def are_near(first, second):  # type: ignore[no-untyped-def]
    """Return whether two primitives are near in channel and time."""
    gap = max(first[START] - second[START] - second[OVER], second[START] - first[START] - first[OVER])
    return abs(first[CHANNEL] - second[CHANNEL]) <= NEAR_CHANNELS and gap < NEAR_TICKS


@numba.njit
def find_root(number, i):  # type: ignore[no-untyped-def]
    """Return the smallest number of the group that element i belongs to so far."""
    while number[i] != i:
        i = number[i]
    return i


@numba.njit
def center_window(primitives, count, plane, channel, tick, width, height):  # type: ignore[no-untyped-def]
    """Return channel and tick of a window's center: the ADC-weighted mean of its content, found by three moves.

    Args:
        primitives: (P, 7).
        count: number of primitives.
        plane: number of the plane.
        channel: of the center before the search.
        tick: of the center before the search.
        width: of the window [channels].
        height: of the window [ticks].

    Returns:
        Channel and tick (of the primitives' peaks), and the sum of the primitives in the last window but one.
    """
    total = 0.0
    for _ in range(WINDOW_MOVES):
        total, channel_sum, tick_sum = 0.0, 0.0, 0.0
        for i in range(count):
            row = primitives[i]
            c, t = row[CHANNEL], row[START] + row[TO_PEAK]
            if row[PLANE] == plane and abs(c - channel) <= 0.5 * width and abs(t - tick) <= 0.5 * height:
                total += row[INTEGRAL]
                channel_sum, tick_sum = channel_sum + row[INTEGRAL] * c, tick_sum + row[INTEGRAL] * t
        if total > 0.0:
            channel, tick = channel_sum / total, tick_sum / total
    return channel, tick, total


@numba.njit
def first_pixel(center, size):  # type: ignore[no-untyped-def]
    """Return the first of `size` whole numbers centered nearest to `center`: the mirrored window is the same."""
    return round(center - 0.5 * (size - 1))


@numba.njit
def triangle_height(sample, peak, over):  # type: ignore[no-untyped-def]
    """Return the triangle's height at a sample, 1 at its peak, for a sum that is (over + 1) / 2."""
    return (sample + 1.0) / (peak + 1.0) if sample <= peak else (over - sample) / (over - peak)


@numba.njit
def draw_primitives(primitives, count, plane, channel, tick, image):  # type: ignore[no-untyped-def]
    """Add a plane's primitives to an image (ticks, channels) whose first pixel is `channel`, `tick`."""
    for i in range(count):
        row = primitives[i]
        column = int(row[CHANNEL]) - channel
        if row[PLANE] != plane or column < 0 or column >= image.shape[1]:
            continue
        over, peak, start = int(row[OVER]), int(row[TO_PEAK]), int(row[START]) - tick
        scale = 2.0 * row[INTEGRAL] / (over + 1.0)
        for sample in range(max(0, -start), min(over, image.shape[0] - start)):
            image[start + sample, column] += scale * triangle_height(sample, peak, over)


@numba.njit
def read_out(memory, electronics, waveforms, origin, centers):  # type: ignore[no-untyped-def]
    """Read out everything around an origin's charge; return whether there is any.

    `centers` (3, 2) is set to the channel and tick of the origin's mean charge.
    """
    total, x, y, z = 0.0, 0.0, 0.0, 0.0
    for n in range(memory.used[1]):
        if memory.source[n] == origin:
            row = memory.deposits[n]
            total, x = total + row[4], x + row[4] * row[0]
            y, z = y + row[4] * row[1], z + row[4] * row[2]
    if total <= 0.0:
        return False
    x, y, z = x / total, y / total, z / total
    if x < 0.0:
        return False
    for plane in range(3):
        centers[plane, 0] = electronics.projection[plane, 1] * y + electronics.projection[plane, 2] * z
        centers[plane, 1] = electronics.projection[3, 0] * x
    clear_waveforms(waveforms, electronics, centers, x)
    collect_charge(waveforms, electronics, memory)
    add_noise(waveforms, electronics, memory.state)
    find_primitives(waveforms, electronics)
    return True


@numba.njit
def center_windows(waveforms, centers, width, height):  # type: ignore[no-untyped-def]
    """Move the centers of windows to what is seen in them; return whether each plane sees something."""
    seen = True
    for plane in range(3):
        channel, tick = centers[plane, 0], centers[plane, 1]
        primitives, count = waveforms.primitives, waveforms.found[0]
        channel, tick, total = center_window(primitives, count, plane, channel, tick, width, height)
        centers[plane, 0], centers[plane, 1] = channel, tick
        seen = seen and total > 0.0
    return seen


def _with_digest(digest: int) -> Any:
    def draw_window(primitives, plane, channel, tick, image):  # type: ignore[no-untyped-def]
        if not digest:
            return channel, tick, 0.0
        count, height, width = len(primitives), image.shape[0], image.shape[1]
        channel, tick, total = center_window(primitives, count, plane, channel, tick, width, height)
        draw_primitives(primitives, count, plane, first_pixel(channel, width), first_pixel(tick, height), image)
        return channel, tick, total

    return draw_window


draw_window = compile_entry(_with_digest, SOURCES)
"""draw_window(primitives (P, 7), plane, channel, tick, image): center the window on the charge and draw its content.

The search for the center begins at channel and tick; its result is returned with the sum of the content."""
