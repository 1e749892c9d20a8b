"""Readings of photon sensors, one pass over each event: marks invalid ones, sums the valid ones.

Imported with numba. All compiled functions are in this one file, so that their cache notices every change.
"""

from functools import partial
from typing import Any

import numpy as np

from datasets.pipeline.compiled import compile_kept

LARGEST = np.float32(9e9)
"""Files mark readings that were not measured with values beyond this."""
EARLY = 0.05
"""The time of the first light is this quantile of the times: a few noisy sensors do not move it."""
SAMPLED = 8
"""The quantile is taken over every eighth sensor: sorting all would take longer than everything else here."""
NAN: Any = np.float32(np.nan)
NOTHING: Any = np.float32(0.0)
VECTORS = {"reassoc", "contract", "nsz"}
"""Freedoms of the compiler: sums in any order, but NaN stays NaN."""


@compile_kept
def clean(npho, times, alive, threshold, u, v, w, sensors, sums):  # type: ignore[no-untyped-def]
    """Fill the input tensor and the sums of a block.

    Args:
        npho: photons (N, S) float32; NaN, or beyond 9e9, where there is no reading.
        times: seconds (N, S) float32, likewise.
        alive: channels that may have a valid reading, (S,) bool.
        threshold: sensors with less light have no time [photons].
        u: of the sensors (S,) float32 [cm]; v and w likewise.
        v: see u.
        w: see u.
        sensors: filled, (N, S, 2) float32, NaN for what is invalid.
        sums: filled, (N, 5): light, light-weighted mean of u, v and w, time of the first light; NaN without light.
    """
    early = np.empty(npho.shape[1] // SAMPLED + 1, np.float32)
    for row in range(len(npho)):
        mark(npho[row], times[row], alive, threshold, sensors[row])
        light, weight, weight_u, weight_v, weight_w = moments(npho[row], alive, u, v, w)
        sums[row, 0] = light
        for k, moment in enumerate((weight_u, weight_v, weight_w)):
            sums[row, 1 + k] = moment / weight if weight > 0.0 else np.nan
        sums[row, 4] = first_time(sensors[row], early)


@partial(compile_kept, fastmath=VECTORS)
def mark(npho, times, alive, threshold, sensors):  # type: ignore[no-untyped-def]
    """Fill photons and times of one event, NaN for what is invalid."""
    for i in range(len(npho)):
        photons, time = npho[i], times[i]
        valid = alive[i] & (abs(photons) <= LARGEST)
        sensors[i, 0] = photons if valid else NAN
        sensors[i, 1] = time if valid & (photons >= threshold) & (abs(time) <= LARGEST) else NAN


@partial(compile_kept, fastmath=VECTORS)
def moments(npho, alive, u, v, w):  # type: ignore[no-untyped-def]
    """Return the light of one event, the part of it that is above 0, and its first moments in u, v, w.

    Apart from `mark`, because two short loops become vector instructions and one long one does not.
    """
    light = weight = weight_u = weight_v = weight_w = 0.0
    for i in range(len(npho)):
        known = npho[i] if alive[i] & (abs(npho[i]) <= LARGEST) else NOTHING
        share = max(known, NOTHING)
        light += known
        weight += share
        weight_u += share * u[i]
        weight_v += share * v[i]
        weight_w += share * w[i]
    return light, weight, weight_u, weight_v, weight_w


@compile_kept
def first_time(sensors, early):  # type: ignore[no-untyped-def]
    """Return the quantile `EARLY` of the valid times, NaN when there are none; `early` is room for them."""
    count = 0
    for i in range(0, len(sensors), SAMPLED):
        early[count] = sensors[i, 1]
        count += not np.isnan(sensors[i, 1])
    return select(early, count, int(EARLY * count)) if count else NAN


@compile_kept
def select(values, count, place):  # type: ignore[no-untyped-def]
    """Return what would stand at `place` if the first `count` values were sorted (Hoare's quickselect, in place)."""
    low, high = 0, count - 1
    while low < high:
        pivot, i, j = values[(low + high) // 2], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        if j < place:
            low = i
        if place < i:
            high = j
    return values[place]


@compile_kept
def hash_readings(npho, times):  # type: ignore[no-untyped-def]
    """Return hashes (N,) of the bits of the readings as they are in the file: FNV-1a over words, then mixed."""
    keys = np.empty(len(npho), np.uint64)
    for row in range(len(npho)):
        key = np.uint64(0xCBF29CE484222325)
        for values in (npho[row], times[row]):
            for word in values.view(np.uint32):
                key = (key ^ np.uint64(word)) * np.uint64(0x100000001B3)
                key ^= key >> np.uint64(29)
        keys[row] = key
    return keys
