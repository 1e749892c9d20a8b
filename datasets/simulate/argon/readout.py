"""What the read-out of the wire planes is made of: pulses, gains, noise and thresholds, and memory for waveforms."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.argon.planes import DRIFT_SPEED, PITCH, PROJECTION, TICKS_PER_CM

Floats = NDArray[np.float64]

PULSE_X = 2.8
"""Standard deviation of a pulse on the collection plane [ticks]."""
PULSE_UV, LOBE = 2.4, 2.8
"""Standard deviation of each lobe of a pulse on the induction planes, and its distance from the middle [ticks]."""
PHASES = 8
"""Pulses begin at whole eighths of a tick."""
HALF = 20
"""Pulses reach so far from their middle [ticks]."""
PRIMITIVES = 1 << 14

# Columns of `primitives`.
PLANE, CHANNEL, START, TO_PEAK, OVER, PEAK, INTEGRAL = range(7)


class Electronics(NamedTuple):
    """Constants of U, V, X, all (3,) or numbers.

    Attributes:
        projection: (4, 3), from canonical positions to channels and ticks.
        gain: sum of a pulse (on U, V of its positive half) per MeV of a minimum-ionising particle [ADC].
        noise: standard deviation of a sample [ADC].
        threshold: a primitive's samples lie above it [ADC].
        tail: probability that noise alone does so.
        along: variance of the drift time per length [ticks2/cm], by diffusion.
        across: variance in units of the pitch squared per length [1/cm], by diffusion.
    """

    projection: Floats
    gain: Floats
    noise: Floats
    threshold: Floats
    tail: Floats
    along: float
    across: Floats


def electronics(
    gain: tuple[float, float, float],
    noise: tuple[float, float, float],
    threshold: tuple[float, float, float],
    diffusion: tuple[float, float],
) -> Electronics:
    """Return the constants.

    Args:
        gain: of U, V, X.
        noise: of U, V, X [ADC].
        threshold: of U, V, X [ADC].
        diffusion: along and across the drift [cm2/s].
    """
    along, across = (2 * d / (DRIFT_SPEED * 1e6) for d in diffusion)  # cm2 per cm of drift
    tail = [0.5 * math.erfc(t / (n * math.sqrt(2))) if n else 0.0 for t, n in zip(threshold, noise, strict=True)]
    values: list[Floats] = [np.array(value, np.float64) for value in (gain, noise, threshold, tail)]
    spread = along * TICKS_PER_CM**2, across / np.array(PITCH) ** 2
    return Electronics(PROJECTION.copy(), values[0], values[1], values[2], values[3], *spread)


class Waveforms(NamedTuple):
    """Part of the detector around an event, used again for every event.

    Attributes:
        wave: (3, channels, ticks) float32 ADC; exactly 0 where there is no signal.
        low: (3, channels) first tick with signal.
        high: (3, channels) last tick with signal, before `low` where there is none.
        first: (3, 2) the channel and tick of element 0.
        kernel: (3, PHASES, 2 HALF + 1) pulses.
        primitives: (PRIMITIVES, 7), see the names of the columns; channels and ticks are absolute.
        found: (1,) how many there are.
    """

    wave: NDArray[np.float32]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    first: NDArray[np.int64]
    kernel: Floats
    primitives: Floats
    found: NDArray[np.int64]


def waveforms(channels: int, ticks: int) -> Waveforms:
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
