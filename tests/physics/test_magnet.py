"""Where tracks bend: the field from its JSON, the start plane, and maps that change."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest

from app.core.errors import UserError
from app.physics.fields.gaussian_dipole import GaussianDipole
from app.physics.magnet import Magnet, start_state


def write_map(path, peak=1.0):
    """A field By = peak z / m on a small grid."""
    axis, z = np.array([-1000.0, 0.0, 1000.0]), np.linspace(0.0, 1000.0, 5)
    values = np.zeros((3, 3, 5, 3))
    values[..., 1] = peak * z / 1000
    np.savez(path, x_mm=axis, y_mm=axis, z_mm=z, B_T=values)
    return path


def test_the_field_is_that_of_its_json():
    magnet = Magnet({"name": "gaussian_dipole", "peak": 0.5}, 2665.0)
    assert magnet.field == GaussianDipole(peak=0.5)
    assert magnet.field is Magnet({"peak": 0.5, "name": "gaussian_dipole"}, None).field


def test_where_the_tracks_begin():
    columns = {"z_start": np.array([1.0, 2.0]), "x": 1, "y": 2, "tx": 3, "ty": 4}
    assert Magnet({"name": "uniform"}, 2665.0).start(columns) == 2665.0
    assert Magnet({"name": "uniform"}, None).start(columns) is columns["z_start"]
    assert start_state(columns) == (1, 2, 3, 4)


def test_it_comes_back_from_its_configuration_by_way_of_json():
    for magnet in (Magnet({"name": "uniform", "bx": 0.1}, 5.0, "ab"), Magnet({"name": "two_dipoles"}, None)):
        assert Magnet(**json.loads(json.dumps(magnet.config()))) == magnet


def test_a_map_is_read_once_and_again_when_it_changes(tmp_path):
    path = write_map(tmp_path / "map.npz")
    content = {"name": "map", "file": str(path)}
    first = Magnet(content, 0.0).field
    assert Magnet(content, 5.0).field is first
    assert first(0.0, 0.0, np.array([500.0]))[1] == pytest.approx([0.5])
    write_map(path, peak=2.0)
    os.utime(path, ns=(1, 1))  # the clock of a file system may be coarse
    assert Magnet(content, 0.0).field(0.0, 0.0, np.array([500.0]))[1] == pytest.approx([1.0])


def test_a_map_other_than_the_one_of_the_data_is_refused(tmp_path):
    path = write_map(tmp_path / "map.npz")
    known = hashlib.sha256(path.read_bytes()).hexdigest()
    content = {"name": "map", "file": str(path)}
    assert Magnet(content, 0.0, known).field.sha256 == known
    write_map(path, peak=2.0)
    os.utime(path, ns=(2, 2))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    text = (
        "dataset.field: the file of the field has changed since the data were generated. "
        f"Expected sha256 {known[:16]}. Received '{found[:16]}'."
    )
    with pytest.raises(UserError) as caught:
        _ = Magnet(content, 0.0, known).field
    assert str(caught.value) == text


def test_a_map_that_is_not_there_says_so(tmp_path):
    with pytest.raises(UserError, match=r"^dataset\.field\.file: cannot read the field map \(No such file"):
        _ = Magnet({"name": "map", "file": str(tmp_path / "absent.npz")}, 0.0).field
    with pytest.raises(UserError, match=r"^dataset\.field\.file: a variable in the path is not set"):
        _ = Magnet({"name": "map", "file": "${WIRECHAMBER_NO_SUCH_VARIABLE}/a.npz"}, 0.0).field
