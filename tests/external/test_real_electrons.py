"""A network that has only seen simulated electrons points real ones: those of DUNE's full simulation."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from app.cli import main
from app.core.files import REPOSITORY

FILE = Path(os.environ.get("WIRECHAMBER_EXTERNAL_DATA", REPOSITORY.parent / "shared" / "data")) / "dune"
FILE = FILE / "test_es_tpstream.root"

pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.skipif(not FILE.is_file(), reason=f"{FILE} does not exist"),
]


@pytest.fixture(scope="module")
def angles(tmp_path_factory):
    """Train the shipped job on 20,000 events, and return the angles [deg] of real scatters by the way of reading."""
    folder = tmp_path_factory.mktemp("electrons")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(REPOSITORY / "benchmarks"), *sys.path])
        patch.setenv("WIRECHAMBER_RUNS", str(folder / "runs"))
        patch.setenv("WIRECHAMBER_REGISTRY", str(folder / "registry"))
        patch.setenv("WIRECHAMBER_DATA", str(folder / "data"))
        job = REPOSITORY / "json" / "electron_direction" / "three_planes.json"
        settings = ["name=pointing", "plots=[]", "dataset.simulate.events=25000"]
        words = ["run", "--config", str(job), *(word for setting in settings for word in ("--set", setting))]
        assert main(words) == 0
        from _real_electrons import CONTROLS, predict_directions

        yield {control: predict_directions(folder / "runs" / "pointing", FILE, control) for control in CONTROLS}


def test_real_scatters_are_pointed_by_a_network_trained_on_the_simulation(angles):
    right = angles["right"]
    assert len(right) == 10
    assert np.median(right) <= 25
    assert (right < 45).sum() >= 8
    assert (right > 90).sum() <= 2


@pytest.mark.parametrize("control", ["U and V exchanged", "X reversed", "time reversed"])
def test_wrong_conventions_point_elsewhere(control, angles):
    """What is left of the planes that are read rightly still points somewhere near: so it has to be compared."""
    assert np.median(angles[control]) > np.median(angles["right"])
    assert np.mean(angles[control]) > np.mean(angles["right"]) + 5
