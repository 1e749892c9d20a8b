"""Events and images that stand on both sides of a split are counted."""

from __future__ import annotations

import numpy as np

from app.data.job_report import compare_splits, hash_inputs
from datasets.pipeline.arrays import Sparse
from datasets.pipeline.events import Events
from datasets.pipeline.split import Part, Splits


def part(images, key):
    events = Events({"plane_x": np.asarray(images, np.float32)}, {}, np.asarray(key, np.uint64))
    return Part([lambda: events[:1], lambda: events[1:]], [1, len(events) - 1])


def test_keys_and_images_that_another_split_has_too():
    images = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
    train = part(images[[0, 1, 2, 3]], [1, 1, 2, 3])
    splits = Splits(train, part(images[[4, 0]], [4, 5]), part(images[[5, 2, 2]], [3, 6, 7]))
    assert compare_splits(splits) == [
        ["train", "4", "3", "1", "2"], ["validation", "2", "2", "0", "1"], ["test", "3", "3", "1", "2"],
    ]  # fmt: skip


def test_an_empty_split():
    none = Part([], [])
    rows = compare_splits(Splits(part(np.ones((2, 2, 2)), [1, 2]), none, none))
    assert rows[0] == ["train", "2", "2", "0", "0"]
    assert rows[1:] == [["validation", "0", "0", "0", "0"], ["test", "0", "0", "0", "0"]]


def test_all_inputs_count_and_the_order_of_sparse_pixels_does_not():
    index, value = np.array([3, 5, 5, 3, 3], np.int32), np.array([1, 2, 2, 1, 9], np.float32)
    images = Sparse.of(index, value, np.array([0, 2, 4, 5]), (2, 4))
    state = np.array([[1.0], [1.0], [1.0]])
    key = np.arange(3, dtype=np.uint64)
    found = hash_inputs(Events({"volume": images, "state": state}, {}, key))
    assert found[0] == found[1] != found[2]
    state = np.array([[1.0], [2.0], [1.0]])
    found = hash_inputs(Events({"volume": images, "state": state}, {}, key))
    assert found[0] != found[1]
