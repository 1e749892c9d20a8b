"""Random numbers for arrays: their distributions, and that elements do not know of each other."""

import numpy as np
import pytest
from scipy import stats

from datasets.simulate.engine.random_streams import Streams

SEEDS = np.arange(20000, dtype=np.uint64)


@pytest.mark.parametrize(
    ("draw", "law"),
    [(Streams.uniform, "uniform"), (Streams.normal, "norm"), (Streams.exponential, "expon")],
)
def test_distributions(draw, law):
    streams = Streams(SEEDS)
    first, second = draw(streams), draw(streams)
    for values in (first, second, draw(streams.child(3))):
        assert stats.kstest(values, law).pvalue > 1e-3
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


@pytest.mark.parametrize("mean", [0.0, 0.3, 5.0, 200.0])
def test_poisson(mean):
    values = Streams(SEEDS).poisson(mean)
    assert values.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / 20000) + 1e-12)
    assert values.var() == pytest.approx(mean, rel=0.05, abs=1e-12)


def test_elements_and_children_are_independent_of_what_else_is_drawn():
    whole, part = Streams(SEEDS), Streams(SEEDS[7:9])
    whole.child(1).normal()
    assert np.array_equal(whole.child(2).uniform()[7:9], part.child(2).uniform())
    assert np.array_equal(whole.take([8, 7]).uniform(), part.uniform()[::-1])
    children = np.concatenate([Streams(SEEDS).child(n).uniform() for n in range(10)])
    assert len(np.unique(children)) == len(children)
