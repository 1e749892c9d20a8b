"""From light sources to readings: photons counted with their statistics, and the time of the first pulse.

Imported with numba.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from datasets.simulate.engine.compiled import normals, poisson, uniform
from datasets.simulate.xenon.light import MATH, add_direct, add_scattered, solid_angles

PHOTON_STEP = 0.125
"""Readings are digitised in steps of so many photons."""
TIME_STEP = 2.0**-39
"""And of so many seconds, 1.8 ps."""
SEEN = 0.5
"""With less than so many photoelectrons expected a pulse is noise, and comes at any time."""


@numba.njit(nogil=True)
def read_events(first, last, event_gammas, gammas, sources, sensors, channels, medium, clock, seeds, npho, times):  # type: ignore[no-untyped-def]
    """Fill the readings of events `first` to `last` - 1.

    Args:
        first: first event.
        last: the event after the last.
        event_gammas: gammas of event e are event_gammas[e] to event_gammas[e + 1] - 1, (E + 1,).
        gammas: (sources of gamma g as above (G + 1,), middle of its light (G, 3) [cm], photons (G,), time (G,) [s]).
        sources: (position (K, 3) [cm], photons (K,), time (K,) [s]).
        sensors: a `Sensors`.
        channels: a `Channels`.
        medium: (sensors of the inner face, its radius [cm], 1/absorption, 1/scattering [1/cm], index / c [s/cm]).
        clock: (threshold of a time [photons], constant and stochastic resolution [s], window of noise [s, s]).
        seeds: state of the random numbers of each event, (E,) uint64.
        npho: filled, (last - first, S) float32 photons; NaN where the channel is dead.
        times: filled, (last - first, S) float32 s; NaN below the threshold.
    """
    count = len(sensors.area)
    angle, cosine, distance = np.empty(count), np.empty(count), np.empty(count)
    light, arrival, total = np.empty(count), np.empty(count), np.empty(count)
    pulse, pulse_light = np.empty(count), np.empty(count)
    for event in range(first, last):
        total[:], pulse[:], pulse_light[:] = 0.0, 0.0, 0.0
        for gamma in range(event_gammas[event], event_gammas[event + 1]):
            light[:], arrival[:] = 0.0, 0.0
            add_gamma(gamma, gammas, sources, sensors, medium, angle, cosine, distance, light, arrival)
            earlier(light, arrival, clock[0], total, pulse, pulse_light)
        state = seeds[event : event + 1].copy()
        for i in range(count):
            place = event - first
            npho[place, i], times[place, i] = reading(state, total[i], pulse[i], pulse_light[i], i, channels, clock)


@numba.njit(nogil=True, fastmath=MATH)
def add_gamma(gamma, gammas, sources, sensors, medium, angle, cosine, distance, light, arrival):  # type: ignore[no-untyped-def]
    """Add the light of one gamma, unscattered from each of its sources, scattered from their middle."""
    starts, middle, photons, time = gammas
    inner, radius, absorbed, scattered, index = medium
    s = sensors
    for k in range(starts[gamma], starts[gamma + 1]):
        if sources[1][k] > 0.0:
            point = sources[0][k]
            solid_angles(point, s.position, s.normal, s.along, s.across, s.area, inner, radius, angle, cosine, distance)
            add_direct(
                sources[1][k], sources[2][k], index, absorbed + scattered, angle, cosine, distance, light, arrival
            )
    if photons[gamma] > 0.0:
        point = middle[gamma]
        solid_angles(point, s.position, s.normal, s.along, s.across, s.area, inner, radius, angle, cosine, distance)
        add_scattered(
            photons[gamma], time[gamma], index, absorbed, scattered, s.area, s.cell, angle, distance, light, arrival
        )


@numba.njit(nogil=True, fastmath=MATH)
def earlier(light, arrival, threshold, total, pulse, pulse_light):  # type: ignore[no-untyped-def]
    """Keep the pulse that makes the time: of those above the threshold the first, with none the brightest."""
    for i in range(len(total)):
        total[i] += light[i]
        if light[i] <= 0.0:
            continue
        time = arrival[i] / light[i]
        before, after = pulse_light[i] >= threshold, light[i] >= threshold
        if (before and after and time < pulse[i]) or (not before and light[i] > pulse_light[i]):
            pulse[i], pulse_light[i] = time, light[i]


@numba.njit(nogil=True)
def reading(state, light, pulse, pulse_light, sensor, channels, clock):  # type: ignore[no-untyped-def]
    """Return photons and time of one sensor; the random numbers go on alike whether it is dead or not."""
    threshold, constant, stochastic, low, high = clock
    electrons = poisson(state, light * channels.efficiency[sensor])
    one, two = normals(state)
    charge = channels.gain[sensor] * electrons + channels.noise[sensor] * one
    photons = round(charge / channels.nominal[sensor] / PHOTON_STEP) * PHOTON_STEP
    seen = pulse_light * channels.efficiency[sensor]
    if seen > SEEN:
        time = pulse + two * math.sqrt(constant * constant + stochastic * stochastic / seen)
    else:
        time = low + (high - low) * uniform(state)
    if channels.dead[sensor]:
        return np.float32(np.nan), np.float32(np.nan)
    if photons < threshold:
        return np.float32(photons), np.float32(np.nan)
    return np.float32(photons), np.float32(round(time / TIME_STEP) * TIME_STEP)
