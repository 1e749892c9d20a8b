"""Which events are shown, and that their images are those of the test split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.core.errors import UserError
from app.evaluation.displays import choose_events, read_images
from app.plots.drawing.displays import Displays, merit
from app.predictions import Predictions
from app.runs.directory import RunDirectory
from app.runs.plots import read_displays
from datasets.pipeline.arrays import Sparse
from datasets.pipeline.events import Column, Events, Input

AXES = ("direction_x", "direction_y", "direction_z")


def pointing(angles):
    """Truth along z, predictions this far from it [deg]."""
    angles = np.radians(angles)
    zero, one = np.zeros(len(angles)), np.ones(len(angles))
    true, predicted = (zero, zero, one), (np.sin(angles), zero, np.cos(angles))
    key = np.arange(len(angles), dtype=np.uint64) + 50
    return Predictions(key, dict(zip(AXES, true, strict=True)), dict(zip(AXES, predicted, strict=True)))


def test_the_best_have_the_smallest_angles_and_no_event_is_shown_twice():
    angles = np.random.default_rng(0).permutation(np.linspace(1, 170, 40))
    found = choose_events(pointing(angles), {"direction": AXES}, seed=1)
    rows = {kind: [row for _, k, row in found if k == kind] for kind in ("best", "worst", "random")}
    assert angles[rows["best"]].tolist() == sorted(angles)[:3]
    assert angles[rows["worst"]].tolist() == sorted(angles)[:-4:-1]
    assert len({row for _, _, row in found}) == len(found) == 9
    assert choose_events(pointing(angles), {"direction": AXES}, seed=1) == found
    assert [row for *_, row in choose_events(pointing(angles), {"direction": AXES}, seed=2)][:6] == [
        row for *_, row in found[:6]
    ]
    few = choose_events(pointing([10.0, 20, 30, 40]), {"direction": AXES}, seed=1)
    assert [(kind, row) for _, kind, row in few] == [("best", 0), ("best", 1), ("best", 2), ("worst", 3)]


def test_of_a_class_the_probability_of_the_true_one_counts():
    true, p = np.array([0.0, 1, 1, 0]), np.array([0.1, 0.8, 0.3, 0.6])
    key = np.arange(4, dtype=np.uint64)
    named = Predictions(key, {"is_es": true}, {"is_es": np.round(p)}, probability={"is_es_0": 1 - p, "is_es_1": p})
    assert merit(named).tolist() == pytest.approx([0.9, 0.8, 0.3, 0.4])
    assert merit(Predictions(key, {"is_es": true}, {"is_es": p})).tolist() == pytest.approx([0.9, 0.8, 0.3, 0.4])
    assert merit(Predictions(key, {"is_es": true}, {"is_es": np.round(p)})) is None
    assert merit(Predictions(key, {"energy": true + 5}, {"energy": p})) is None
    assert merit(pointing([])) is None
    assert choose_events(Predictions(key, {"energy": true + 5}, {"energy": p}), {"energy": ["energy"]}, 0) == []
    assert np.degrees(-merit(pointing([30.0, 120.0]))).tolist() == pytest.approx([30, 120])


def test_images_of_clusters_are_found_block_by_block():
    random = np.random.default_rng(1)
    images = {f"plane_{p}": random.normal(size=(10, 128, 16)).astype(np.float32) for p in "ux"}
    inputs = {name: Input((Column("adc"),), (128, 16), layer={"name": "adc"}) for name in images}
    inputs["state"] = Input((Column("x"),), (1,))
    every = Events({**images, "state": np.zeros((10, 1))}, {}, np.arange(10, dtype=np.uint64))
    read = []

    def blocks():
        for cut in (slice(0, 4), slice(4, 7), slice(7, 10)):
            read.append(cut)
            yield every[cut]

    found = read_images(inputs, blocks(), np.array([5, 2, 5]))
    assert list(found) == ["u", "x"]
    np.testing.assert_array_equal(found["x"], images["plane_x"][[5, 2, 5]])
    assert len(read) == 2  # the last block has none of them


def test_volumes_are_turned_so_that_rows_are_ticks():
    dense = np.zeros((2, 5, 7, 2), np.float32)
    dense[1, 3, 6, 0], dense[1, 2, 4, 1] = 8.0, 9.0
    flat = np.flatnonzero(dense[1])
    volumes = Sparse.of(flat.astype(np.int32), dense[1].ravel()[flat], np.array([0, 0, 2]), (5, 7, 2))
    layer = {"name": "adc", "ticks": "columns"}
    inputs = {"volume": Input((Column("adc_u"), Column("adc_x")), (5, 7, 2), layer=layer)}
    found = read_images(inputs, [Events({"volume": volumes}, {}, np.arange(2, dtype=np.uint64))], np.array([1]))
    assert {plane: values.shape for plane, values in found.items()} == {"u": (1, 7, 5), "x": (1, 7, 5)}
    assert (found["u"][0, 6, 3], found["x"][0, 4, 2]) == (8, 9)


def made():
    images = {"x": np.arange(24, dtype=np.float32).reshape(2, 4, 3)}
    names = (np.array(["a", "b"]), np.array(["best", "worst"]))
    return Displays(*names, np.array([1, 0]), np.array([51, 50], np.uint64), images, canonical=False)


def test_the_file_says_what_was_written(tmp_path):
    made().write(tmp_path / "displays.npz")
    found = Displays.read(tmp_path / "displays.npz")
    assert (found.task.tolist(), found.row.tolist(), found.canonical) == (["a", "b"], [1, 0], False)
    np.testing.assert_array_equal(found.of(["b"]).images["x"], made().images["x"][1:])
    (tmp_path / "displays.npz").write_bytes(b"PK\x03\x04 not all of it")
    with pytest.raises(UserError, match=r"displays.npz: cannot be read .* Expected the displays of a finished run"):
        Displays.read(tmp_path / "displays.npz")


def test_displays_of_other_predictions_are_left_out(tmp_path: Path, caplog):
    run = RunDirectory(tmp_path)
    assert read_displays(run, pointing([1.0, 2.0])) is None
    made().write(run.displays)
    assert read_displays(run, pointing([1.0, 2.0])).kind.tolist() == ["best", "worst"]
    assert read_displays(run, pointing([1.0])) is None
    assert read_displays(run, pointing([1.0, 2.0]).select(np.array([1, 0]))) is None
    assert "it belongs to other predictions than predictions.csv" in caplog.text
