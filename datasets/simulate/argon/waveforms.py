"""From deposits to waveforms: charge drifts, diffuses, falls on wires and is shaped; noise is added.

Imported with numba.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from datasets.simulate.engine.compiled import normals, poisson, uniform

Floats = NDArray[np.float64]

PULSE_X = 2.8
"""Standard deviation of a pulse on the collection plane [ticks]."""
PULSE_UV, LOBE = 2.4, 2.8
"""Standard deviation of each lobe of a pulse on the induction planes, and its distance from the middle [ticks]."""
PHASES = 8
"""Pulses begin at whole eighths of a tick."""
HALF = 20
"""Half of a pulse's length [ticks]."""
POSITIVE = math.erf(LOBE / (PULSE_UV * math.sqrt(2.0)))
"""Share of a lobe's area that the overlap with the other lobe leaves: gains are areas of pulses as they are seen."""
CLOUD_WIDTHS = 4.0
"""Clouds of charge end after so many standard deviations."""
PRIMITIVES = 1 << 14
"""Capacity for the primitives of an event."""

# Columns of `primitives`.
PLANE, CHANNEL, START, TO_PEAK, OVER, PEAK, INTEGRAL = range(7)


class Waveforms(NamedTuple):
    """Waveforms of the part of the detector around an event, reused for every event.

    Attributes:
        wave: (3, channels, ticks) float32 ADC; exactly 0 where there is no signal.
        low: (3, channels) first tick with signal.
        high: (3, channels) last tick with signal, before `low` where there is none.
        first: (3, 2) the channel and tick of element 0.
        kernel: (3, PHASES, 2 HALF + 1) pulses.
        primitives: (PRIMITIVES, 7), see the names of the columns; channels and ticks are absolute.
        found: (1,) number of primitives.
    """

    wave: NDArray[np.float32]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    first: NDArray[np.int64]
    kernel: Floats
    primitives: Floats
    found: NDArray[np.int64]


def empty_waveforms(channels: int, ticks: int) -> Waveforms:
    """Return empty memory for so many channels of each plane and so many ticks."""
    return Waveforms(
        np.zeros((3, channels, ticks), np.float32),
        np.full((3, channels), ticks, np.int64),
        np.full((3, channels), -1, np.int64),
        np.zeros((3, 2), np.int64),
        np.zeros((3, PHASES, 2 * HALF + 1)),
        np.zeros((PRIMITIVES, 7)),
        np.zeros(1, np.int64),
    )


@numba.njit
def clear_waveforms(waveforms, electronics, center, drift):  # type: ignore[no-untyped-def]
    """Forget the last event, center the memory on `center` (3, 2), and compute the pulses after a drift [cm].

    All deposits of an event share the diffusion along the drift of this length: 30 cm more or less change a pulse's
    width by 2 %.
    """
    channels, ticks = waveforms.wave.shape[1:]
    for plane in range(3):
        for i in range(channels):
            for t in range(waveforms.low[plane, i], waveforms.high[plane, i] + 1):
                waveforms.wave[plane, i, t] = 0.0
        waveforms.first[plane, 0] = round(center[plane, 0] - (channels - 1) / 2)
        waveforms.first[plane, 1] = round(center[plane, 1] - (ticks - 1) / 2)
    waveforms.low[:], waveforms.high[:], waveforms.found[0] = ticks, -1, 0
    kernel, variance = waveforms.kernel, electronics.along * max(drift, 0.0)
    induction, collection = math.sqrt(PULSE_UV**2 + variance), math.sqrt(PULSE_X**2 + variance)
    for phase in range(PHASES):
        for j in range(2 * HALF + 1):
            time = j - HALF - phase / PHASES
            lobes = (gaussian(time + LOBE, induction) - gaussian(time - LOBE, induction)) / POSITIVE
            kernel[0, phase, j], kernel[1, phase, j] = lobes, lobes
            kernel[2, phase, j] = gaussian(time, collection)


@numba.njit
def gaussian(x, sigma):  # type: ignore[no-untyped-def]
    """Return the density of the normal distribution of this standard deviation at x."""
    return math.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))


@numba.njit
def collect_charge(waveforms, electronics, memory):  # type: ignore[no-untyped-def]
    """Add all deposits of an event to the waveforms, without noise."""
    for plane in range(3):
        a, b = electronics.projection[plane, 1], electronics.projection[plane, 2]
        for n in range(memory.used[1]):
            row = memory.deposits[n]
            wire = a * row[1] + b * row[2] - waveforms.first[plane, 0]
            tick = electronics.projection[3, 0] * row[0] - waveforms.first[plane, 1]
            width = math.sqrt(electronics.across[plane] * max(row[0], 0.0))
            spread_charge(waveforms, plane, wire, tick, max(width, 1e-3), electronics.gain[plane] * row[4])


@numba.njit
def spread_charge(waveforms, plane, wire, tick, width, charge):  # type: ignore[no-untyped-def]
    """Share a cloud's charge among the wires it covers, by the integral of its Gaussian over each."""
    channels, ticks = waveforms.wave.shape[1:]
    eighths = math.floor(tick * PHASES + 0.5)
    begin, phase = eighths // PHASES - HALF, eighths % PHASES
    low, high = max(begin, 0), min(begin + 2 * HALF, ticks - 1)
    if low > high:
        return
    start = max(math.ceil(wire - 0.5 - CLOUD_WIDTHS * width), 0)
    scale, kernel = 1.0 / (width * math.sqrt(2.0)), waveforms.kernel[plane, phase]
    below = math.erf((start - 0.5 - wire) * scale)
    for i in range(start, min(math.floor(wire + 0.5 + CLOUD_WIDTHS * width), channels - 1) + 1):
        above = math.erf((i + 0.5 - wire) * scale)
        share, below = 0.5 * charge * (above - below), above
        wave = waveforms.wave[plane, i]
        for t in range(low, high + 1):
            wave[t] += share * kernel[t - begin]
        extend_signal(waveforms, plane, i, low, high)


@numba.njit
def add_noise(waveforms, electronics, state):  # type: ignore[no-untyped-def]
    """Add white Gaussian noise where there is signal; elsewhere only to samples in which it exceeds the threshold."""
    channels, ticks = waveforms.wave.shape[1:]
    for plane in range(3):
        sigma = electronics.noise[plane]
        if sigma == 0.0:
            continue
        now, later, spare = 0.0, 0.0, False
        for i in range(channels):
            for t in range(waveforms.low[plane, i], waveforms.high[plane, i] + 1):
                if waveforms.wave[plane, i, t] != 0.0:
                    if spare:
                        now = later
                    else:
                        now, later = normals(state)
                    spare = not spare
                    waveforms.wave[plane, i, t] += sigma * now
        for _ in range(int(poisson(state, electronics.tail[plane] * channels * ticks))):
            i, t = min(int(uniform(state) * channels), channels - 1), min(int(uniform(state) * ticks), ticks - 1)
            height = sigma * draw_normal_tail(state, electronics.threshold[plane] / sigma)
            if waveforms.wave[plane, i, t] == 0.0:
                waveforms.wave[plane, i, t] = height
                extend_signal(waveforms, plane, i, t, t)


@numba.njit
def extend_signal(waveforms, plane, channel, low, high):  # type: ignore[no-untyped-def]
    """Extend a channel's range of ticks with signal to `low` and `high`."""
    waveforms.low[plane, channel] = min(waveforms.low[plane, channel], low)
    waveforms.high[plane, channel] = max(waveforms.high[plane, channel], high)


@numba.njit
def draw_normal_tail(state, least):  # type: ignore[no-untyped-def]
    """Return a standard normal number above `least` > 0.

    References:
        G. Marsaglia, Generating a variable from the tail of the normal distribution,
        doi:10.1080/00401706.1964.10490150.
    """
    while True:
        x = math.sqrt(least * least - 2.0 * math.log(uniform(state)))
        if uniform(state) * x < least:
            return x
