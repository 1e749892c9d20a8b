"""Weights that make a distribution flat, counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.core.errors import UserError
from losses.weighting import WEIGHTINGS


def fitted(blocks, targets, bins, **options):
    content = {"name": "histogram", "targets": targets, "bins": bins, **options}
    return WEIGHTINGS.parse(json.loads(json.dumps(content))).build(blocks)


def mean_over(histogram, blocks):
    return np.mean(np.concatenate([histogram(block) for block in blocks]))


def test_one_axis_counted_by_hand():
    values = np.array([0.0, 0.1, 0.2, 0.9, 1.0])  # three events in the lower half of the range, two in the upper
    found = fitted([{"true_theta": values}], "theta", 2, epsilon=1e-9)
    weight = found({"true_theta": values})
    np.testing.assert_allclose(weight, np.array([1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2]) / (2 / 5), rtol=1e-6)


def test_epsilon_is_a_number_of_events():
    values = np.array([0.0, 0.1, 0.2, 0.9, 1.0])
    weight = fitted([{"p": values}], "p", 2, epsilon=2)({"p": values})
    assert weight[0] / weight[-1] == pytest.approx((2 + 2) / (3 + 2))


def test_two_axes_are_flat_afterwards_over_all_blocks():
    rng = np.random.default_rng(3)
    values = {"true_u": rng.beta(2, 5, 40_000), "true_v": rng.normal(0, 0.2, 40_000)}
    blocks = [{name: array[i::4] for name, array in values.items()} for i in range(4)]
    found = fitted(blocks, ["u", "v"], [6, 4], epsilon=1e-6, cap=None)
    assert mean_over(found, blocks) == pytest.approx(1.0)
    weight = np.concatenate([found(block) for block in blocks])
    u, v = (np.concatenate([block[name] for block in blocks]) for name in values)
    flat = np.histogram2d(u, v, [6, 4], weights=weight)[0]
    filled = flat[flat > 0]
    np.testing.assert_allclose(filled, 40_000 / len(filled), rtol=1e-5)


def test_three_axes_have_three_numbers_of_bins():
    rng = np.random.default_rng(4)
    columns = {f"true_{axis}": rng.uniform(-1, 1, 5000) for axis in "uvw"}
    found = fitted([columns], ["u", "v", "w"], [5, 4, 3])
    assert found.counts.shape == found.weights.shape == (5, 4, 3)
    assert found.counts.sum() == 5000


def test_beyond_the_range_of_the_training_split_the_nearest_bin_counts():
    values = np.linspace(0, 1, 11)
    found = fitted([{"p": values}], "p", 5)
    assert found({"p": np.array([-7.0, 9.0])}).tolist() == found({"p": np.array([0.0, 1.0])}).tolist()


def test_the_cap_is_in_units_of_the_mean_and_the_mean_stays_one():
    values = np.concatenate([np.zeros(10_000), np.full(5, 1.0)])
    free = fitted([{"p": values}], "p", 10, cap=None)
    assert free({"p": np.ones(1)})[0] > 500
    capped = fitted([{"p": values}], "p", 10, cap=8)
    assert capped({"p": np.ones(1)})[0] == pytest.approx(8, rel=1e-3)
    assert mean_over(capped, [{"p": values}]) == pytest.approx(1.0, rel=1e-3)


def test_a_value_that_never_changes_weighs_one():
    columns = {"p": np.full(50, 3.0)}
    np.testing.assert_allclose(fitted([columns], "p", 20)(columns), 1.0)


def test_what_was_found_can_be_written_and_rebuilt():
    values = np.random.default_rng(5).normal(size=1000)
    found = fitted([{"true_theta": values}], "theta", 8)
    content = json.loads(json.dumps(found.dump()))
    assert (content["name"], content["targets"]) == ("histogram", ["theta"])
    assert np.sum(content["counts"]) == 1000
    places = np.clip(np.searchsorted(content["edges"][0], values, side="right") - 1, 0, 7)
    np.testing.assert_array_equal(np.asarray(content["weights"])[places], found({"true_theta": values}))


@pytest.mark.parametrize(
    ("targets", "bins", "text"),
    [
        (
            ["u", "v"],
            [10],
            "bins: the bins do not fit the axes. Expected 2 of them, one for each of u, v. Received [10].",
        ),
        (["u", "vv"], [10, 10], "targets.1: unknown target or column. Did you mean 'v'?"),
        (["u", "v"], [2000, 2000], "bins: too many bins. Expected at most 1,000,000 in all. Received [2000, 2000]."),
        (["bad"], [5], "targets.0: 'bad' is not finite."),
    ],
)
def test_mistakes(targets, bins, text):
    columns = {"true_u": np.arange(5.0), "true_v": np.arange(5.0), "bad": np.array([0, 1, np.nan, 2, 3])}
    with pytest.raises(UserError) as caught:
        fitted([columns], targets, bins)
    assert text in str(caught.value)


def test_the_cap_must_leave_something():
    with pytest.raises(UserError, match=r"cap: not valid\. Expected greater than 1\. Received 1"):
        fitted([{"p": np.arange(5.0)}], "p", 5, cap=1)
