"""Files without truth: the same inputs and rows as with it, and no column that would be a truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from loader_files import FAMILIES, TRUTH, planes, source_of, write

from app.core.errors import UserError
from datasets import DATASETS, Events
from datasets.pipeline.arrays import dense
from datasets.pipeline.checked import open_source

KEPT = {
    "tracks.npz": {"p"},
    "planes.npz": {"match_id"},
    "volumes.npz": {"event", "match_id", "charge_u", "charge_v", "charge_x"},
    "layers.npz": {"n_hits"},
    "tracks.root": {"p"},
    "muons.root": {"n_hits", "event"},
    "photons.root": {"light", "centroid_u", "centroid_v", "centroid_w", "time_first"},
    "primitives.root": {"event", "match_id", "cluster_energy", "apa", "face"},
}
OF_IMAGES = {"charge_u", "charge_v", "charge_x", "axis_x", "axis_y", "axis_z"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "primitives.root")) for n in FAMILIES]
)
def test_inputs_and_rows_are_those_of_the_file_with_truth(name, tmp_path):
    arrays = FAMILIES[name][1]()
    (tmp_path / "without").mkdir()
    write(tmp_path / name, arrays)
    write(tmp_path / "without" / name, {n: v for n, v in arrays.items() if n not in TRUTH[name]})
    with_truth = source_of(tmp_path / name)
    source = source_of(tmp_path / "without" / name, truth=False)
    one, other = (Events.concatenate(list(s)) for s in (with_truth, source))
    assert source.targets == {}
    assert set(source.extras) == KEPT[name] | (OF_IMAGES if FAMILIES[name][0] == "plane_images" else set())
    np.testing.assert_array_equal(other.rows, one.rows)
    np.testing.assert_array_equal(other.rows, np.arange(len(other)))
    for tensor in with_truth.inputs:
        np.testing.assert_array_equal(dense(other.inputs[tensor]), dense(one.inputs[tensor]))


def test_what_is_left_out_does_not_shift_the_rows(tmp_path):
    arrays = FAMILIES["layers.npz"][1]()
    arrays["hits"][2:4] = -9.0
    write(tmp_path / "layers.npz", arrays)
    (events,) = [Events.concatenate(list(source_of(tmp_path / "layers.npz")))]
    assert events.rows.tolist() == [0, 1, 4, 5, 6, 7]
    np.savetxt(tmp_path / "a.csv", [[1, 2], [np.nan, 3], [4, 5], [6, 7]], header="a,y", comments="", delimiter=",")
    table = {
        "name": "table",
        "files": "a.csv",
        "inputs": ["a"],
        "targets": ["y"],
        "select": "a != 4",
        "missing": "drop",
    }
    (events,) = open_source(DATASETS.parse({**table, "block_size": 8}), [tmp_path / "a.csv"])
    assert events.rows.tolist() == [0, 3]
    blocks = list(open_source(DATASETS.parse({**table, "block_size": 2}), [tmp_path / "a.csv"]))
    assert np.concatenate([block.rows for block in blocks]).tolist() == [0, 3]


def test_what_is_only_predicted_may_be_there_twice(tmp_path):
    np.savetxt(tmp_path / "a.csv", [[1], [1]], header="a", comments="", delimiter=",")
    spec = {"name": "table", "files": "a.csv", "inputs": ["a"], "targets": ["y"], "truth": False}
    (events,) = open_source(DATASETS.parse(spec), [tmp_path / "a.csv"])
    assert len(events) == 2


def test_planes_in_files_of_their_own_are_joined_by_event_and_match_id(tmp_path):
    images, files = planes(), []
    order = np.array([5, 3, 1, 0, 2, 4])
    for plane, rows in (("u", order), ("x", np.arange(6))):
        numbers = {"event": rows + 100, "match_id": rows}
        files.append(tmp_path / f"a_plane{plane.upper()}.npz")
        np.savez(files[-1], images=images[f"images_{plane}"][rows], **numbers)
    spec = {"name": "plane_images", "files": "a", "planes": ["u", "x"], "truth": False}
    (events,) = open_source(DATASETS.parse(spec), files)
    assert sorted(events.columns["event"]) == list(range(100, 106))
    for plane in "ux":
        expected = images[f"images_{plane}"][events.columns["match_id"]]
        np.testing.assert_array_equal(events.inputs[f"plane_{plane}"], expected)
    np.testing.assert_array_equal(events.rows, events.columns["match_id"])
    with np.load(files[0]) as content:
        np.savez(files[0], images=content["images"])
    with pytest.raises(
        UserError, match=r"joined on event and match_id\. Expected arrays of these names, or metadata\."
    ):
        open_source(DATASETS.parse(spec), files)


def test_a_file_of_layers_without_parts_is_read_where_the_job_names_some(tmp_path):
    arrays = FAMILIES["layers.npz"][1]()
    np.savez(tmp_path / "new.npz", hits=arrays["hits"])
    spec = {"name": "layered_hits", "files": "new.npz", "hits": "hits", "absent": -9.0, "truth": False}
    source = open_source(DATASETS.parse(spec), [Path(tmp_path / "new.npz")])
    assert Events.concatenate(list(source)).rows.tolist() == list(range(8))
