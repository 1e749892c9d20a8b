"""Random numbers inside compiled code: one stream for each event, whatever thread computes it. Imported with numba."""

from __future__ import annotations

import math

import numba
import numpy as np

from datasets.pipeline.event_keys import GOLDEN
from datasets.pipeline.event_keys import scramble as plain_scramble

STEP = np.uint64(GOLDEN)
scramble = numba.njit(nogil=True)(plain_scramble)
FEW = 12.0
"""Below this mean Poisson numbers are counted event by event, above it drawn by rejection."""


@numba.njit(nogil=True)
def uniform(state):  # type: ignore[no-untyped-def]
    """Return the next number of (0, 1) of the splitmix64 stream `state`, an array of one uint64."""
    state[0] += STEP
    return (np.float64(scramble(state[0]) >> np.uint64(11)) + 0.5) * 2.0**-53


@numba.njit(nogil=True)
def normals(state):  # type: ignore[no-untyped-def]
    """Return two independent standard normal numbers (Box and Muller)."""
    radius, angle = math.sqrt(-2.0 * math.log(uniform(state))), 2.0 * math.pi * uniform(state)
    return radius * math.cos(angle), radius * math.sin(angle)


@numba.njit
def poisson(state, mean):  # type: ignore[no-untyped-def]
    """Return a Poisson number, exact for every mean: products of uniforms, or transformed rejection.

    References:
        W. Hoermann, The transformed rejection method for generating Poisson random variables,
        doi:10.1016/0167-6687(93)90997-4 (algorithm PTRS).
    """
    if mean < FEW:
        count, product, least = 0, uniform(state), math.exp(-mean)
        while product > least:
            product *= uniform(state)
            count += 1
        return float(count)
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    while True:
        u, v = uniform(state) - 0.5, uniform(state)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2.0):
            return k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        bound = k * math.log(mean) - mean - math.lgamma(k + 1.0)
        if math.log(v * inverse_alpha / (a / (us * us) + b)) <= bound:
            return k
