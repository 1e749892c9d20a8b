"""What compiled code of the simulators shares: kept on disk but never older than its source, and random numbers.

numba's cache of a function knows changes in the file of that function, not in those of the functions it calls. The
entry functions of a simulation are therefore made inside a function whose argument is a digest of all these files:
values that a function encloses belong to the key of its cache.

An event has a stream of random numbers of its own, whatever thread computes it: `state`, an array of one uint64.
Imported with numba.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np

from datasets.pipeline import event_keys
from datasets.pipeline.compiled import compile_kept

STEP = np.uint64(event_keys.GOLDEN)
"""Distance between two states of a stream: 2^64 over the golden ratio."""
ENGINE = (Path(__file__), Path(event_keys.__file__))
"""Files that the code in this module comes from."""
SMALL_MEAN = 12.0
"""Below this mean Poisson numbers are counted event by event, above it drawn by rejection."""


def digest_sources(sources: Sequence[Path]) -> int:
    """Return a number that changes with the text of the sources: files, and folders of Python files."""
    paths = [path for source in sources for path in (source.glob("*.py") if source.is_dir() else (source,))]
    text = b"".join(path.read_bytes() for path in sorted(paths))
    return int.from_bytes(hashlib.sha256(text).digest()[:7])


def compile_entry(make: Callable[[int], Callable[..., Any]], sources: Sequence[Path]) -> Any:
    """Compile `make(digest of all sources)` without the lock, and keep it on disk where there is a folder to write."""
    return compile_kept(make(digest_sources([*sources, *ENGINE])))


scramble = numba.njit(nogil=True)(event_keys.scramble)


@numba.njit(nogil=True)
def uniform(state):  # type: ignore[no-untyped-def]
    """Return the next number of (0, 1) of the splitmix64 stream `state`."""
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
    if mean < SMALL_MEAN:
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
