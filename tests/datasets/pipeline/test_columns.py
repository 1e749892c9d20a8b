"""Columns side by side: every number as float32 by itself, whatever stands next to it."""

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.pipeline.columns import CACHED, side_by_side, single_column


@pytest.mark.parametrize("rows", [0, 1, CACHED, CACHED + 1, 2 * CACHED + 7])
def test_columns_of_all_types_stand_side_by_side(rows):
    rng = np.random.default_rng(rows)
    whole = rng.integers(2**60, 2**61, rows)  # float64 in between would round these twice
    columns = [rng.normal(size=rows), whole, rng.random(rows) < 0.5, rng.normal(size=rows).astype(np.float32)]
    table = side_by_side(columns)
    assert table.dtype == np.float32
    assert table.flags.c_contiguous
    assert table.shape == (rows, 4)
    for place, column in enumerate(columns):
        np.testing.assert_array_equal(table[:, place], column.astype(np.float32))


def test_numbers_that_float32_cannot_hold_are_named_and_infinite_ones_are_not():
    assert single_column("x", np.array([2**64 - 1], np.uint64), ()).tolist() == [2.0**64]
    assert single_column("x", np.array([np.inf, np.nan]), ())[0] == np.inf
    with pytest.raises(UserError, match="1 of 2 values of 'x' do not fit float32, the first at row 1"):
        single_column("x", np.array([1.0, 1e39]), ("file",))
