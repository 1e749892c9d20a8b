"""Repeated events are found within blocks, between blocks, and in a bounded memory."""

import numpy as np
import pytest

from app.core.errors import UserError
from datasets.pipeline import event_keys as duplicates_module
from datasets.pipeline.event_keys import Duplicates

KEYS = np.random.default_rng(1).integers(0, 2**64, 4000, dtype=np.uint64)


def test_blocks_without_a_common_key_pass():
    duplicates = Duplicates(4000)
    for number, block in enumerate(np.split(KEYS, 8)):
        duplicates.check(block, (f"{number}.npz",))


def test_one_key_of_an_earlier_block_is_found_and_its_block_is_named():
    duplicates = Duplicates(4000)
    for number, block in enumerate(np.split(KEYS, 8)):
        duplicates.check(block, (f"{number}.npz",))
    with pytest.raises(UserError, match=r"late\.npz: 1 of its events are also in 5\.npz"):
        duplicates.check(np.array([1, KEYS[2700], 2], np.uint64), ("late.npz",))


def test_of_many_events_a_share_is_remembered_and_an_overlap_still_found(monkeypatch):
    monkeypatch.setattr(duplicates_module, "KEPT", 500)
    duplicates = Duplicates(4000)
    for number, block in enumerate(np.split(KEYS[:3500], 7)):
        duplicates.check(block, (f"{number}.npz",))
    assert 300 < len(duplicates.every) < 600  # 3,500 / 8 expected
    with pytest.raises(UserError, match=r"merged\.npz: about \d+ of its events are also in [0-7]\.npz"):
        duplicates.check(KEYS[3000:], ("merged.npz",))


def test_repeated_rows_of_a_block_are_counted_from_the_second_on():
    key = np.array([9, 7, 7, 5, 9, 7, 3], np.uint64)
    with pytest.raises(UserError, match=r"3 rows are duplicates, the first of row 0"):
        Duplicates(7).check(key, ("a.npz",))
