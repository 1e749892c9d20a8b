"""Drawing events with replacement: the distribution, and that the event decides and not its place."""

import numpy as np
import pytest

from datasets.pipeline.events import Events
from datasets.pipeline.split import Part, bootstrap, multiplicity


def part(key):
    blocks = [Events({}, {"x": block.astype(np.float32)}, block) for block in np.array_split(key, 3)]
    return Part([lambda block=block: block for block in blocks], [len(block) for block in blocks])


KEY = np.random.default_rng(3).integers(0, 2**63, 200_000).astype(np.uint64)


def test_numbers_are_those_of_poisson():
    drawn = multiplicity(KEY, 1)
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.var() == pytest.approx(1.0, abs=0.02)
    assert (drawn == 0).mean() == pytest.approx(np.exp(-1), abs=0.005)
    assert (drawn == 4).mean() == pytest.approx(np.exp(-1) / 24, abs=0.002)


def test_seeds_draw_independently_and_a_seed_draws_again_the_same():
    one, other = multiplicity(KEY, 1), multiplicity(KEY, 2)
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.0, abs=0.01)
    assert np.array_equal(one, multiplicity(KEY, 1))


def test_rows_of_one_event_are_drawn_together_wherever_they_stand():
    key = np.array([7, 8, 7, 9, 7], np.uint64)
    assert len(set(multiplicity(key, 5)[[0, 2, 4]])) == 1


def test_a_part_knows_how_many_it_draws_and_keeps_what_was_not_asked_for():
    drawn = bootstrap(part(KEY[:900]), 4)
    keys = np.concatenate([events.key for events in drawn])
    assert drawn.rows == len(keys) == multiplicity(KEY[:900], 4).sum()
    found, counts = np.unique(keys, return_counts=True)
    expected = multiplicity(found, 4)
    assert np.array_equal(counts, expected)
    assert len(found) / 900 == pytest.approx(1 - np.exp(-1), abs=0.05)
