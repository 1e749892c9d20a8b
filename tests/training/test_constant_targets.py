"""A target that never changes is named, whatever block shows that another one does."""

from __future__ import annotations

import numpy as np

from app.training.constant_targets import name_constant_targets
from datasets.pipeline.events import Events


def block(**columns):
    columns = {name: np.asarray(values, np.float64) for name, values in columns.items()}
    return Events({}, columns, np.zeros(len(columns["a"]), np.uint64))


def test_targets_with_one_value_are_named(caplog):
    blocks = [block(a=[], b=[], c=[]), block(a=[1, 1], b=[2, 2], c=[3, 4]), block(a=[1], b=[5], c=[3])]
    name_constant_targets(["a", "b", "c"], blocks)
    assert caplog.messages == ["there is nothing to learn of targets with one value in all training events: a = 1"]


def test_nothing_is_read_after_the_block_in_which_all_targets_change(caplog):
    def blocks():
        yield block(a=[1, 2])
        raise AssertionError("a second block is read")

    name_constant_targets(["a"], blocks())
    assert not caplog.messages
