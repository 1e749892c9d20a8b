"""The sensors of one detector: their positions, the area of wall around each, and how well each counts photons."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.physics.xenon_calorimeter import (
    END_PITCH_R,
    END_PITCH_Z,
    FACES,
    INNER_PITCH_PHI,
    INNER_PITCH_Z,
    OUTER_PITCH_Z,
    R_INNER,
    R_OUTER,
    SENSORS,
    SIDE_PITCH_R,
    SIDE_PITCH_Z,
    TUBE_PITCH_PHI,
    areas,
    normals,
    positions,
)

Floats = NDArray[np.float64]
DENSE = 12.0 / 30.0
"""Area of the wall around a tube in the middle of the outer face, where 30 tubes replace 12."""


class Sensors(NamedTuple):
    """Squares of the sensors' sensitive areas: arrays (4760,) and (4760, 3) [cm]."""

    position: Floats
    normal: Floats
    along: Floats
    across: Floats
    area: Floats
    cell: Floats


class Channels(NamedTuple):
    """Properties of the channels, (4760,): efficiency, its nominal value, gain over nominal gain, noise, dead."""

    efficiency: Floats
    nominal: Floats
    gain: Floats
    noise: Floats
    dead: NDArray[np.bool_]


def calorimeter_sensors() -> Sensors:
    """Return the sensors of the calorimeter."""
    normal = normals()
    along = np.cross([0.0, 0.0, 1.0], normal)
    along /= np.linalg.norm(along, axis=1)[:, None]
    return Sensors(positions(), normal, along, np.cross(normal, along), areas(), wall_areas())


def wall_areas() -> Floats:
    """Return the area of the wall around each sensor, (4760,) [cm2]; together they cover the walls of the volume."""
    cell = np.empty(SENSORS)
    radius = np.hypot(*positions()[:, :2].T)
    for name, face in FACES.items():
        here = face.sensors
        if name == "inner":
            cell[here] = R_INNER * INNER_PITCH_PHI * INNER_PITCH_Z
        elif name in ("upstream", "downstream"):
            cell[here] = radius[here] * TUBE_PITCH_PHI * np.hypot(SIDE_PITCH_R, SIDE_PITCH_Z)
        elif name in ("top", "bottom"):
            cell[here] = END_PITCH_R * END_PITCH_Z
        else:
            cell[here] = R_OUTER * TUBE_PITCH_PHI * OUTER_PITCH_Z * (1.0 if name == "outer" else DENSE)
    middle = np.arange(FACES["outer"].start, FACES["outer"].stop).reshape(FACES["outer"].shape)[10:14, 3:6]
    cell[middle.ravel()] *= DENSE
    return cell


class Quality(NamedTuple):
    """Efficiencies and flaws of the channels, as the options of the simulator name them."""

    sipm_efficiency: float
    tube_efficiency: float
    efficiency_spread: float
    gain_spread: float
    noise: float
    dead: float
    noisy: float


NOISY_FACTOR = 20.0
"""Noise of a noisy channel over that of the others."""


def draw_channels(quality: Quality, seed: int) -> Channels:
    """Return the channels of detector number `seed`.

    Every channel has random numbers of its own, so that a larger share of dead channels adds dead ones and changes no
    other. The spreads are those that a calibration leaves: the readings are divided by the nominal values.
    """
    random = np.random.default_rng([seed, SENSORS])
    efficiency, gain = random.normal(size=(2, SENSORS)).clip(-3.0, 3.0)
    dead, noisy = random.uniform(size=(2, SENSORS)) < [[quality.dead], [quality.noisy]]
    nominal = np.full(SENSORS, quality.tube_efficiency)
    nominal[FACES["inner"].sensors] = quality.sipm_efficiency
    return Channels(
        nominal * np.maximum(1.0 + quality.efficiency_spread * efficiency, 0.0),
        nominal,
        np.maximum(1.0 + quality.gain_spread * gain, 0.0),
        quality.noise * np.where(noisy, NOISY_FACTOR, 1.0),
        dead,
    )
