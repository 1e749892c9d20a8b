"""Keys of events: what version 0.1 hashed keeps its key, and no two events share one."""

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.pipeline.event_keys import hash_rows, mix, split_numbers, stored_keys

EXTREME = {
    "int64": [-(2**63), -(2**63) + 1, -(2**53) - 1, -(2**53), -1, 0, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1],
    "uint64": [0, 1, 2**53 - 1, 2**53, 2**53 + 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1],
}


def test_keys_of_numbers_that_float64_holds_are_those_of_0_1():
    """Recorded with version 0.1: events must not move from one split to another."""
    single = [0xE220A8397B1DCDAF, 0x88D7C35BBBF3EDED, 0x309FC6DA7298C281, 0xB1521CCB07882C6E, 0x288DAC0BD4F95263]
    for kind in (np.int64, np.float64):
        assert hash_rows([np.array([0, 1, 5000000009, 2**53, -7], kind)]).tolist() == single
    pair = [np.array([1.5, -0.0, np.inf]), np.array([3, -(2**40), 2**53])]
    assert hash_rows(pair).tolist() == [0xFBE08297E5F41F8B, 0xA833A7D3714A75AB, 0x5440DBF9386768]


def test_times_in_nanoseconds_have_a_key_each():
    times = 1764000000000000000 + 25 * np.arange(100_000)
    assert len(np.unique(times.astype(np.float64))) < 10_000
    keys = hash_rows([times])
    assert len(np.unique(keys)) == len(times)
    shares = np.bincount(split_numbers(keys, 0, 0.8, 0.1)) / len(times)
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.005)


@pytest.mark.parametrize("kind", EXTREME)
def test_all_integers_of_64_bits_differ(kind):
    values = np.array(EXTREME[kind], kind)
    assert len(np.unique(hash_rows([values]))) == len(values)
    assert len(np.unique(hash_rows([np.full(len(values), 2**60 + 1), values]))) == len(values)


def test_equal_integers_of_different_types_have_equal_keys():
    values = np.array([0, 5, 2**53 + 1, 2**62 + 3], np.int64)
    for kind in (np.uint64, ">i8", ">u8"):
        assert hash_rows([values.astype(kind)]).tolist() == hash_rows([values]).tolist()
    exact = np.array([2**62, 3 * 2**60])
    assert hash_rows([exact]).tolist() == hash_rows([exact.astype(np.float64)]).tolist()


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="a long double is a float64 here")
def test_long_doubles_that_float64_rounds_to_one_number_differ():
    values = np.longdouble(1) + np.arange(8) * np.finfo(np.longdouble).eps
    assert len(np.unique(values.astype(np.float64))) < 8
    assert len(np.unique(hash_rows([values]))) == 8
    special = np.array([1.5, np.nan, np.inf, -np.inf, -0.0])
    assert hash_rows([special.astype(np.longdouble)]).tolist() == hash_rows([special]).tolist()


def test_keys_of_a_file_are_integers():
    assert stored_keys(np.array([-1, 2**62 + 1]), ("f", "key")).tolist() == [2**64 - 1, 2**62 + 1]
    for wrong in (np.array([1.0]), np.array([[1]]), np.array(["1"])):
        with pytest.raises(UserError, match=r"f\.key: not keys of events\. Expected one integer per event"):
            stored_keys(wrong, ("f", "key"))


def test_hashing_leaves_the_columns_as_they_are():
    values = np.arange(5, dtype=np.uint64)
    before = values.copy()
    mix(values, 3)
    hash_rows([values, values[::-1]])
    assert values.tolist() == before.tolist()
