"""From light sources to readings: the light that each sensor gets, photon statistics, and the time of the first pulse.

Imported with numba.
"""

import math
from pathlib import Path
from typing import Any

import numba
import numpy as np

from datasets.simulate.engine.compiled import compile_entry, normals, poisson, uniform

SOURCES = (Path(__file__).parent,)
"""Folders that the compiled code comes from."""

EXACT = 16.0
"""Solid angles are exact within this distance squared, in units of a sensor's area: four sides."""
GRAZING = 20.0 / 21.0
"""Mean over isotropic directions of the share that enters a sensor, 1 - (1 - cos)^5."""
MATH = {"reassoc", "contract", "arcp", "nsz"}
"""Liberties of the compiler that preserve NaN and infinity."""
PHOTON_STEP = 0.125
"""Step in which readings are digitised [photons]."""
TIME_STEP = 2.0**-39
"""Step in which times are digitised [s]: 1.8 ps."""
MIN_PULSE = 0.5
"""With fewer expected photoelectrons a pulse is noise, and its time is random."""


@numba.njit(nogil=True, fastmath=MATH)
def corner_solid_angle(x, y, h):  # type: ignore[no-untyped-def]
    """Return the solid angle of the rectangle from (0, 0) to (x, y), seen from the height h above its corner (0, 0)."""
    return math.atan2(x * y, h * math.sqrt(x * x + y * y + h * h))


@numba.njit(nogil=True, fastmath=MATH)
def square_solid_angle(x, y, h, side):  # type: ignore[no-untyped-def]
    """Return the exact solid angle of a square from the height h > 0 above (x, y), measured from the square's middle.

    The sum over the faces of a closed box is 4 pi from every point inside.
    """
    half = 0.5 * side
    low_x, high_x, low_y, high_y = -half - x, half - x, -half - y, half - y
    far = corner_solid_angle(high_x, high_y, h) - corner_solid_angle(low_x, high_y, h)
    return far - corner_solid_angle(high_x, low_y, h) + corner_solid_angle(low_x, low_y, h)


@numba.njit(nogil=True, fastmath=MATH)
def far_solid_angle(area, cosine, distance2):  # type: ignore[no-untyped-def]
    """Return the solid angle of a square as a point's, A cos / d^2, with the next order in side / distance."""
    return area * cosine / distance2 * (1.0 + area / distance2 * (3.0 - 5.0 * cosine * cosine) / 8.0)


@numba.njit(nogil=True, fastmath=MATH)
def fill_solid_angles(  # type: ignore[no-untyped-def]
    point, position, normal, along, across, area, inner, radius, angle, cosine, distance
):
    """Fill solid angle, cosine of incidence and distance [cm] of all sensors as seen from a point in the xenon.

    A sensor that is seen from behind, or that the convex inner wall hides, has the solid angle 0.

    Args:
        point: x, y, z [cm].
        position: of the sensors (S, 3) [cm]; normal, along, across are the axes of their squares.
        normal: into the xenon.
        along: first side of the square.
        across: second side of the square.
        area: of the square [cm2].
        inner: number of sensors of the inner face, which are the first ones.
        radius: of the inner face [cm].
        angle: filled, (S,).
        cosine: filled, (S,).
        distance: filled, (S,).
    """
    for i in range(len(angle)):
        x, y, z = point[0] - position[i, 0], point[1] - position[i, 1], point[2] - position[i, 2]
        d2 = x * x + y * y + z * z + 1e-12
        d = math.sqrt(d2)
        c = (x * normal[i, 0] + y * normal[i, 1] + z * normal[i, 2]) / d
        distance[i], cosine[i] = d, c
        angle[i] = far_solid_angle(area[i], max(c, 0.0), d2)
    for i in range(len(angle)):
        if cosine[i] > 0.0 and distance[i] * distance[i] < EXACT * area[i]:
            x, y, z = point[0] - position[i, 0], point[1] - position[i, 1], point[2] - position[i, 2]
            u = x * along[i, 0] + y * along[i, 1] + z * along[i, 2]
            v = x * across[i, 0] + y * across[i, 1] + z * across[i, 2]
            angle[i] = square_solid_angle(u, v, cosine[i] * distance[i], math.sqrt(area[i]))
    for i in range(inner, len(angle)):
        if is_hidden(point[0], point[1], position[i, 0], position[i, 1], radius):
            angle[i] = 0.0


@numba.njit(nogil=True, fastmath=MATH)
def is_hidden(x, y, sensor_x, sensor_y, radius):  # type: ignore[no-untyped-def]
    """Return whether the straight line between two points outside a cylinder passes through it."""
    dx, dy = sensor_x - x, sensor_y - y
    share = -(x * dx + y * dy) / (dx * dx + dy * dy + 1e-12)
    if share <= 0.0 or share >= 1.0:
        return False
    near_x, near_y = x + share * dx, y + share * dy
    return near_x * near_x + near_y * near_y < radius * radius


@numba.njit(nogil=True, fastmath=MATH)
def acceptance(cosine):  # type: ignore[no-untyped-def]
    """Return the share of light that enters a sensor at this incidence and is not reflected (Schlick's form)."""
    miss = 1.0 - cosine
    return 1.0 - miss * miss * miss * miss * miss


@numba.njit(nogil=True, fastmath=MATH)
def add_direct(photons, time, index, lost, angle, cosine, distance, light, clock):  # type: ignore[no-untyped-def]
    """Add a source's unscattered light to `light` (S,), and light times arrival time [s] to `clock` (S,).

    photons omega / (4 pi) exp(-d lost) acceptance(cos), with `lost` the sum of the inverse absorption length and the
    inverse scattering length [1/cm]; `index` is the time that light needs [s/cm].
    """
    for i in range(len(light)):
        if angle[i] > 0.0:
            seen = photons * angle[i] / (4.0 * math.pi) * math.exp(-distance[i] * lost) * acceptance(cosine[i])
            light[i] += seen
            clock[i] += seen * (time + distance[i] * index)


@numba.njit(nogil=True, fastmath=MATH)
def add_scattered(photons, time, index, absorbed, scattered, area, cell, angle, distance, light, clock):  # type: ignore[no-untyped-def]
    """Add the light that was scattered on its way, seen from the middle of a shower.

    The share 1 - <exp(-d / L)> of the light is scattered (the mean is over the solid angle of the walls, L the
    scattering length). It has lost its direction: it falls on the walls as 1 / (d^2 + L^2), every photon on some wall,
    after a path longer by L. Sensors take the share of the wall that they cover. `absorbed` and `scattered` are inverse
    lengths [1/cm].
    """
    unscattered, whole, spread = 0.0, 1e-12, 0.0
    length2 = 1.0 / (scattered * scattered)
    for i in range(len(light)):
        wall = angle[i] * cell[i] / area[i]
        whole += wall
        unscattered += wall * math.exp(-distance[i] * scattered)
        spread += cell[i] / (distance[i] * distance[i] + length2)
    share = photons * (1.0 - unscattered / whole) * GRAZING / spread
    for i in range(len(light)):
        path = distance[i] + 1.0 / scattered
        seen = share * area[i] / (distance[i] * distance[i] + length2) * math.exp(-path * absorbed)
        light[i] += seen
        clock[i] += seen * (time + distance[i] * index)


@numba.njit(nogil=True, fastmath=MATH)
def add_gamma(gamma, gammas, sources, sensors, medium, angle, cosine, distance, light, arrival):  # type: ignore[no-untyped-def]
    """Add the light of one gamma: direct light from each of its sources, scattered light from their center."""
    starts, middle, photons, time = gammas
    inner, radius, absorbed, scattered, index = medium
    s = sensors
    for k in range(starts[gamma], starts[gamma + 1]):
        if sources[1][k] > 0.0:
            point = sources[0][k]
            fill_solid_angles(
                point, s.position, s.normal, s.along, s.across, s.area, inner, radius, angle, cosine, distance
            )
            add_direct(
                sources[1][k], sources[2][k], index, absorbed + scattered, angle, cosine, distance, light, arrival
            )
    if photons[gamma] > 0.0:
        point = middle[gamma]
        fill_solid_angles(
            point, s.position, s.normal, s.along, s.across, s.area, inner, radius, angle, cosine, distance
        )
        add_scattered(
            photons[gamma], time[gamma], index, absorbed, scattered, s.area, s.cell, angle, distance, light, arrival
        )


@numba.njit(nogil=True, fastmath=MATH)
def keep_first_pulse(light, arrival, threshold, total, pulse, pulse_light):  # type: ignore[no-untyped-def]
    """Keep the pulse that sets the time: the first above the threshold, or the brightest when there is none."""
    for i in range(len(total)):
        total[i] += light[i]
        if light[i] <= 0.0:
            continue
        time = arrival[i] / light[i]
        before, after = pulse_light[i] >= threshold, light[i] >= threshold
        if (before and after and time < pulse[i]) or (not before and light[i] > pulse_light[i]):
            pulse[i], pulse_light[i] = time, light[i]


@numba.njit(nogil=True)
def read_sensor(state, light, pulse, pulse_light, sensor, channels, clock):  # type: ignore[no-untyped-def]
    """Return photons and time of one sensor; a dead one uses the same random numbers."""
    threshold, constant, stochastic, low, high = clock
    electrons = poisson(state, light * channels.efficiency[sensor])
    charge_noise, time_noise = normals(state)
    charge = channels.gain[sensor] * electrons + channels.noise[sensor] * charge_noise
    photons = round(charge / channels.nominal[sensor] / PHOTON_STEP) * PHOTON_STEP
    seen = pulse_light * channels.efficiency[sensor]
    if seen > MIN_PULSE:
        time = pulse + time_noise * math.sqrt(constant * constant + stochastic * stochastic / seen)
    else:
        time = low + (high - low) * uniform(state)
    if channels.dead[sensor]:
        return np.float32(np.nan), np.float32(np.nan)
    if photons < threshold:
        return np.float32(photons), np.float32(np.nan)
    return np.float32(photons), np.float32(round(time / TIME_STEP) * TIME_STEP)


def _with_digest(digest: int) -> Any:
    def read_events(first, last, event_gammas, gammas, sources, sensors, channels, medium, clock, seeds, npho, times):  # type: ignore[no-untyped-def]
        """Fill the readings of events `first` to `last` - 1.

        Args:
            first: first event.
            last: the event after the last.
            event_gammas: gammas of event e are event_gammas[e] to event_gammas[e + 1] - 1, (E + 1,).
            gammas: (edges of gamma g's sources (G + 1,), center of its light (G, 3) [cm], photons (G,), time (G,) [s]).
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
        for event in range(first, last if digest else first):
            total[:], pulse[:], pulse_light[:] = 0.0, 0.0, 0.0
            for gamma in range(event_gammas[event], event_gammas[event + 1]):
                light[:], arrival[:] = 0.0, 0.0
                add_gamma(gamma, gammas, sources, sensors, medium, angle, cosine, distance, light, arrival)
                keep_first_pulse(light, arrival, clock[0], total, pulse, pulse_light)
            state = seeds[event : event + 1].copy()
            for i in range(count):
                row = event - first
                npho[row, i], times[row, i] = read_sensor(state, total[i], pulse[i], pulse_light[i], i, channels, clock)

    return read_events


read_events = compile_entry(_with_digest, SOURCES)
