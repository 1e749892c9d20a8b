"""Branches as arrays: lists of any layout in memory, one number per event, and what is no list of numbers."""

import awkward as ak
import numpy as np
import pytest

from app.core.errors import UserError
from datasets.muons.files import numbers_of

LISTS = ak.Array([[1.5], [], [2.5, 3.5], [4.5]])


@pytest.mark.parametrize(
    "array",
    [
        LISTS,
        ak.concatenate([ak.Array([[9.0, 9.0]]), LISTS])[1:],  # its offsets do not begin at 0
        LISTS[[3, 2, 1, 0]][::-1],
        ak.Array([[1.5], [], [None, 2.5, 3.5], [4.5]])[[0, 1, 2, 3]],
        ak.Array(ak.to_packed(LISTS).layout.to_ListOffsetArray64(True)),
    ],
)
def test_lists_of_any_layout_are_read(array):
    found = numbers_of(ak.drop_none(array, axis=1), "b", ("f.root",))
    assert found.offsets.tolist() == [0, 1, 1, 3, 4]
    assert found.offsets.dtype == np.int64
    assert found.values.tolist() == [1.5, 2.5, 3.5, 4.5]


def test_a_number_per_event_and_what_is_none():
    assert numbers_of(ak.Array([1, 2]), "b", ("f.root",)).tolist() == [1, 2]
    for wrong in (["ab", "c"], [["ab"], []], [[[1.0]], [[2.0]]], [[{"x": 1}], []]):
        with pytest.raises(UserError, match=r"f\.root: the branch 'b' is no list of numbers"):
            numbers_of(ak.Array(wrong), "b", ("f.root",))
