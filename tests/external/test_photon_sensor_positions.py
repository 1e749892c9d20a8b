"""The generated photon sensors beside the real ones; needs the external data."""

import os
from pathlib import Path

import numpy as np
import pytest

from app.physics.xenon_calorimeter import FACES, normals, positions

DATA = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason=f"no external data at {DATA}")]

LARGEST = {
    "inner": 0.0014, "outer": 0.0006, "upstream": 0.001, "downstream": 0.001,
    "top": 1e-4, "bottom": 1e-4, "outer_centre": 0.0006,
}  # fmt: skip
"""Largest distance from the nominal positions [cm], measured: rounding of the constants."""


@pytest.mark.parametrize("name", FACES)
def test_nominal_positions(name):
    sensors = FACES[name].sensors
    real = np.loadtxt(DATA / "photon_sensors/sensor_positions.txt")[sensors, 1:]
    assert np.linalg.norm(positions()[sensors] - real, axis=1).max() < LARGEST[name]


@pytest.mark.parametrize("name", FACES)
def test_surveyed_positions_and_normals(name):
    """The second file holds positions as built: the inner face up to 1.04 cm off the nominal ones, the others 1 mm."""
    table = np.loadtxt(DATA / "photon_sensors/sensor_directions.txt")[FACES[name].sensors]
    distance = np.linalg.norm(positions()[FACES[name].sensors] - table[:, 4:7], axis=1)
    sine = np.linalg.norm(np.cross(normals()[FACES[name].sensors], table[:, 1:4]), axis=1)
    angle = np.degrees(np.arctan2(sine, (normals()[FACES[name].sensors] * table[:, 1:4]).sum(axis=1)))
    assert distance.max() < (1.04 if name == "inner" else 0.11)
    assert angle.max() < (1.1 if name == "inner" else 0.05)
