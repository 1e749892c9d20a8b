"""Trigger primitives: runs of samples above threshold, found on waveforms; groups of them. Imported with numba."""

from __future__ import annotations

import numba
import numpy as np

from datasets.simulate.argon.readout import CHANNEL, INTEGRAL, OVER, PEAK, PLANE, PRIMITIVES, START, TO_PEAK

NEAR_CHANNELS, NEAR_TICKS = 2, 20
"""Primitives so near to each other, from the end of one to the start of the next, belong to one group."""


@numba.njit
def find(forms, electronics):  # type: ignore[no-untyped-def]
    """Fill the primitives of all waveforms, in the order of plane, channel and time."""
    count = 0
    for plane in range(3):
        threshold = electronics.threshold[plane]
        for i in range(forms.wave.shape[1]):
            wave, last, t = forms.wave[plane, i], forms.high[plane, i], forms.low[plane, i]
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
                    row = forms.primitives[count]
                    row[PLANE], row[CHANNEL] = plane, forms.first[plane, 0] + i
                    row[START], row[TO_PEAK] = forms.first[plane, 1] + t, peak - t
                    row[OVER], row[PEAK], row[INTEGRAL] = over, wave[peak], total
                    count += 1
                t += over
    forms.found[0] = count


@numba.njit
def groups(primitives, count, plane):  # type: ignore[no-untyped-def]
    """Return a number for each primitive, equal for those that a chain of near ones connects; -1 on other planes."""
    number = np.arange(count)
    for i in range(count):
        if primitives[i, PLANE] != plane:
            number[i] = -1
            continue
        for j in range(i):
            if number[j] >= 0 and near(primitives[i], primitives[j]):
                one, other = _root(number, i), _root(number, j)
                number[max(one, other)] = min(one, other)
    for i in range(count):
        if number[i] >= 0:
            number[i] = _root(number, i)
    return number


@numba.njit
def near(one, other):  # type: ignore[no-untyped-def]
    """Return whether two primitives are near in channel and time."""
    gap = max(one[START] - other[START] - other[OVER], other[START] - one[START] - one[OVER])
    return abs(one[CHANNEL] - other[CHANNEL]) <= NEAR_CHANNELS and gap < NEAR_TICKS


@numba.njit
def _root(number, i):  # type: ignore[no-untyped-def]
    while number[i] != i:
        i = number[i]
    return i
