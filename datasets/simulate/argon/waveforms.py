"""From deposits to waveforms: charge drifts, diffuses, falls on wires and is shaped; noise is added. With numba."""

from __future__ import annotations

import math

import numba

from datasets.simulate.argon.readout import HALF, LOBE, PHASES, PULSE_UV, PULSE_X
from datasets.simulate.engine.compiled_random import normals, poisson, uniform

POSITIVE = math.erf(LOBE / (PULSE_UV * math.sqrt(2.0)))
"""What is left of a lobe's area where the two overlap: gains are areas of pulses as they are seen."""
REACH = 4.0
"""Clouds of charge end after so many standard deviations."""


@numba.njit
def clear(forms, electronics, centre, drift):  # type: ignore[no-untyped-def]
    """Forget the last event, put the middle of the memory at `centre` (3, 2), and make the pulses after a drift [cm].

    All deposits of an event share the diffusion along the drift of this length: 30 cm more or less change a pulse's
    width by 2 %.
    """
    channels, ticks = forms.wave.shape[1:]
    for plane in range(3):
        for i in range(channels):
            for t in range(forms.low[plane, i], forms.high[plane, i] + 1):
                forms.wave[plane, i, t] = 0.0
        forms.first[plane, 0] = round(centre[plane, 0] - (channels - 1) / 2)
        forms.first[plane, 1] = round(centre[plane, 1] - (ticks - 1) / 2)
    forms.low[:], forms.high[:], forms.found[0] = ticks, -1, 0
    _shape(forms.kernel, electronics.along * max(drift, 0.0))


@numba.njit
def _shape(kernel, variance):  # type: ignore[no-untyped-def]
    induction, collection = math.sqrt(PULSE_UV**2 + variance), math.sqrt(PULSE_X**2 + variance)
    for phase in range(PHASES):
        for j in range(2 * HALF + 1):
            t = j - HALF - phase / PHASES
            lobes = (_gauss(t + LOBE, induction) - _gauss(t - LOBE, induction)) / POSITIVE
            kernel[0, phase, j], kernel[1, phase, j] = lobes, lobes
            kernel[2, phase, j] = _gauss(t, collection)


@numba.njit
def _gauss(x, sigma):  # type: ignore[no-untyped-def]
    return math.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))


@numba.njit
def collect(forms, electronics, space):  # type: ignore[no-untyped-def]
    """Add all deposits of an event to the waveforms, without noise."""
    for plane in range(3):
        a, b = electronics.projection[plane, 1], electronics.projection[plane, 2]
        for n in range(space.used[1]):
            row = space.deposits[n]
            wire = a * row[1] + b * row[2] - forms.first[plane, 0]
            tick = electronics.projection[3, 0] * row[0] - forms.first[plane, 1]
            width = math.sqrt(electronics.across[plane] * max(row[0], 0.0))
            _spread(forms, plane, wire, tick, max(width, 1e-3), electronics.gain[plane] * row[4])


@numba.njit
def _spread(forms, plane, wire, tick, width, charge):  # type: ignore[no-untyped-def]
    """Share a cloud's charge among the wires it covers, by the integral of its Gaussian over each."""
    channels, ticks = forms.wave.shape[1:]
    eighth = math.floor(tick * PHASES + 0.5)
    begin, phase = eighth // PHASES - HALF, eighth % PHASES
    low, high = max(begin, 0), min(begin + 2 * HALF, ticks - 1)
    if low > high:
        return
    start = max(math.ceil(wire - 0.5 - REACH * width), 0)
    scale, kernel = 1.0 / (width * math.sqrt(2.0)), forms.kernel[plane, phase]
    below = math.erf((start - 0.5 - wire) * scale)
    for i in range(start, min(math.floor(wire + 0.5 + REACH * width), channels - 1) + 1):
        above = math.erf((i + 0.5 - wire) * scale)
        part, below = 0.5 * charge * (above - below), above
        wave = forms.wave[plane, i]
        for t in range(low, high + 1):
            wave[t] += part * kernel[t - begin]
        forms.low[plane, i], forms.high[plane, i] = min(forms.low[plane, i], low), max(forms.high[plane, i], high)


@numba.njit
def add_noise(forms, electronics, state):  # type: ignore[no-untyped-def]
    """Add white Gaussian noise where there is signal; elsewhere only the samples in which it exceeds the threshold."""
    channels, ticks = forms.wave.shape[1:]
    for plane in range(3):
        sigma = electronics.noise[plane]
        if sigma == 0.0:
            continue
        now, later, ready = 0.0, 0.0, False
        for i in range(channels):
            for t in range(forms.low[plane, i], forms.high[plane, i] + 1):
                if forms.wave[plane, i, t] != 0.0:
                    if ready:
                        now = later
                    else:
                        now, later = normals(state)
                    ready = not ready
                    forms.wave[plane, i, t] += sigma * now
        for _ in range(int(poisson(state, electronics.tail[plane] * channels * ticks))):
            _add_hit(forms, electronics, state, plane)


@numba.njit
def _add_hit(forms, electronics, state, plane):  # type: ignore[no-untyped-def]
    channels, ticks = forms.wave.shape[1:]
    i, t = min(int(uniform(state) * channels), channels - 1), min(int(uniform(state) * ticks), ticks - 1)
    height = electronics.noise[plane] * tail(state, electronics.threshold[plane] / electronics.noise[plane])
    if forms.wave[plane, i, t] == 0.0:
        forms.wave[plane, i, t] = height
        forms.low[plane, i], forms.high[plane, i] = min(forms.low[plane, i], t), max(forms.high[plane, i], t)


@numba.njit
def tail(state, least):  # type: ignore[no-untyped-def]
    """Return a standard normal number above `least` > 0.

    References:
        G. Marsaglia, Generating a variable from the tail of the normal distribution,
        doi:10.1080/00401706.1964.10490150.
    """
    while True:
        x = math.sqrt(least * least - 2.0 * math.log(uniform(state)))
        if uniform(state) * x < least:
            return x
