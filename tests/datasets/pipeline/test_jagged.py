"""Events with different numbers of rows: rows by slice and number, joining, padding."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.pipeline.arrays import MULTIPLE, Jagged, concatenate, dense, dense_parts, rows_at_once

COUNTS = [2, 0, 3, 1]


@pytest.fixture
def jagged():
    return Jagged.of(np.arange(12.0).reshape(6, 2), np.array(COUNTS))


def lists(array):
    return [array.values[a:b].tolist() for a, b in zip(array.offsets[:-1], array.offsets[1:], strict=True)]


def test_rows_by_slice_and_by_number_are_those_of_a_list(jagged):
    every = lists(jagged)
    assert [len(one) for one in every] == COUNTS
    for rows in (slice(1, 3), slice(None, 2), slice(3, None), slice(2, 2), slice(None, None, -1), slice(0, 4, 2)):
        assert lists(jagged[rows]) == every[rows]
    assert lists(jagged[np.array([3, 0, 0, 1])]) == [every[3], every[0], every[0], every[1]]
    assert lists(jagged[np.array([True, False, True, False])]) == [every[0], every[2]]
    assert len(jagged[np.array([], int)]) == 0


def test_padding_is_zero_and_its_length_a_multiple(jagged):
    padded = np.asarray(jagged)
    assert padded.shape == jagged.shape == (4, MULTIPLE, 2)
    for row, one in zip(padded, lists(jagged), strict=True):
        assert row[: len(one)].tolist() == one
        assert not row[len(one) :].any()
    longer = Jagged.of(np.ones(MULTIPLE + 1), np.array([MULTIPLE + 1]))
    assert np.asarray(longer).shape == (1, 2 * MULTIPLE)
    assert np.asarray(Jagged.of(np.empty((0, 3)), np.array([0]))).shape == (1, MULTIPLE, 3)


def test_it_is_padded_to_the_longest_of_the_events_that_are_asked_for():
    one = Jagged.of(np.ones(100), np.array([1, 99]))
    assert np.asarray(one[:1]).shape == (1, MULTIPLE)
    assert np.asarray(one).shape == (2, 128)


def test_joined_events_stand_in_order(jagged):
    both = concatenate([jagged[:2], jagged[2:]])
    assert lists(both) == lists(jagged)
    assert dense(both).tolist() == np.asarray(jagged).tolist()


def test_some_rows_of_each_event(jagged):
    kept = jagged.where(jagged.places < 1)
    assert kept.counts.tolist() == [1, 0, 1, 1]
    assert kept.values[:, 0].tolist() == [0.0, 4.0, 10.0]
    assert jagged.events.tolist() == [0, 0, 2, 2, 2, 3]


def test_what_is_learned_of_its_rows_sees_no_padding(jagged):
    (rows,) = dense_parts(jagged)
    assert rows.shape == (6, 2)
    assert rows_at_once([jagged]) == 2**26 // (MULTIPLE * 2 * 8)


def test_padding_makes_a_copy_and_says_so(jagged):
    with pytest.raises(ValueError, match="new one"):
        np.asarray(jagged, copy=False)
