from dataclasses import replace

import numpy as np
import pytest

from app.core.errors import WirechamberError
from app.metrics import METRICS, MetricFacts
from app.metrics.pulls import COVERAGE, pulls
from app.predictions import Predictions


def predictions(sigma, rows=100_000):
    """A Gaussian target of unit-free widths between 1 and 3, and the sigma that is said of it, in units of the true."""
    rng = np.random.default_rng(1)
    width, true = rng.uniform(1, 3, rows), rng.normal(0, 10, rows)
    predicted = true + rng.normal(0, width)
    key = np.arange(rows, dtype=np.uint64)
    return Predictions(key, {"energy": true}, {"energy": predicted}, sigma={"energy": sigma * width})


def test_a_true_sigma_has_unit_pulls():
    found = pulls(predictions(1.0))
    assert found["energy_pull_mean"] == pytest.approx(0, abs=0.01)
    assert found["energy_pull_std"] == pytest.approx(1, rel=0.01)
    assert found["energy_coverage"] == pytest.approx(COVERAGE, abs=0.005)
    assert found["miscoverage"] < 0.005


def test_half_the_sigma_has_twice_the_pull():
    found = pulls(predictions(0.5))
    assert found["energy_pull_std"] == pytest.approx(2, rel=0.01)
    assert found["energy_coverage"] == pytest.approx(0.3829, abs=0.005)  # P(|x| < 0.5)
    assert found["miscoverage"] == pytest.approx(COVERAGE - found["energy_coverage"])


def test_a_target_without_sigma_is_left_out_and_a_baseline_has_none():
    both = predictions(1.0, 50)
    both.true["time"] = both.predicted["time"] = np.zeros(50)
    assert set(pulls(both)) == {"miscoverage", *(f"energy_{k}" for k in ("pull_mean", "pull_std", "coverage"))}
    assert pulls(replace(both, baselines={"mean": both.true}).of_baseline("mean")) == {}
    assert METRICS["pulls"].facts == MetricFacts(primary="miscoverage", better="lower", head="gaussian")


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_sigma_that_is_none_is_an_error(bad):
    broken = predictions(1.0, 10)
    broken.sigma["energy"][3] = bad
    with pytest.raises(WirechamberError, match="1 of 10 standard deviations of energy are not above 0 and finite"):
        pulls(broken)
