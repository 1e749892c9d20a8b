"""Learning rates by step and by epoch, against their formulas."""

from __future__ import annotations

import json
import math

import keras
import numpy as np
import pytest

from app.core.errors import UserError
from app.schedules import SCHEDULES


def build(specification, learning_rate=0.1, steps_per_epoch=10, epochs=6):
    return SCHEDULES.parse(specification).build(learning_rate, steps_per_epoch, epochs)


def test_constant_is_the_number_itself():
    schedule = build("constant")
    assert schedule.learning_rate == 0.1
    assert schedule.update(1.0) is None
    assert schedule.state() == {}
    schedule.restore({})
    assert schedule.learning_rate == 0.1


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.0),
        (5, 0.025),
        (20, 0.1),  # end of the warm-up of 2 of 6 epochs
        (30, 0.1 * (0.2 + 0.8 * (1 + math.cos(math.pi / 4)) / 2)),
        (40, 0.1 * (0.2 + 0.8 / 2)),  # half of the decay
        (60, 0.02),  # the end
        (90, 0.02),  # and beyond it
    ],
)
def test_cosine_with_warm_up(step, expected):
    schedule = build({"name": "cosine", "warmup_epochs": 2, "final_fraction": 0.2})
    assert float(schedule.learning_rate(step)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.1), (15, 0.1 * (2 + math.sqrt(2)) / 4), (30, 0.05), (60, 0.0)])
def test_cosine_without_warm_up(step, expected):
    assert float(build("cosine").learning_rate(step)) == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_cosine_warms_up_for_half_an_epoch():
    rate = build({"name": "cosine", "warmup_epochs": 0.5}).learning_rate
    assert float(rate(4)) == pytest.approx(0.08)
    assert float(rate(5)) == pytest.approx(0.1)


@pytest.mark.parametrize("warmup_epochs", [6, 7.5])
def test_cosine_needs_steps_to_decay_in(warmup_epochs):
    with pytest.raises(UserError) as caught:
        build({"name": "cosine", "warmup_epochs": warmup_epochs})
    assert str(caught.value) == (
        "warmup_epochs: leaves no step for the decay. Expected less than the 6 epochs of the training. "
        f"Received {float(warmup_epochs)}."
    )


def test_an_optimizer_follows_the_cosine_step_by_step_and_keeps_it_when_saved():
    """With gradient 1, SGD moves a weight by minus the learning rate of the step."""
    schedule = build({"name": "cosine", "warmup_epochs": 1}, steps_per_epoch=4, epochs=3).learning_rate
    optimizer = keras.optimizers.SGD(schedule)
    weight = keras.Variable(0.0)
    moved = []
    for _ in range(14):
        before = float(weight.numpy())
        optimizer.apply([keras.ops.ones(())], [weight])
        moved.append(before - float(weight.numpy()))
    expected = [0.1 * k / 4 if k < 4 else 0.05 * (1 + math.cos(math.pi * min(k - 4, 8) / 8)) for k in range(14)]
    np.testing.assert_allclose(moved, expected, atol=1e-7)
    again = keras.optimizers.deserialize(json.loads(json.dumps(keras.optimizers.serialize(optimizer))))
    assert float(again._learning_rate(6)) == float(schedule(6))


PLATEAU = {"name": "plateau", "factor": 0.1, "patience": 2, "min_delta": 0.01, "minimum": 0.0005}


def test_plateau_lowers_after_patience_and_stops_at_the_minimum():
    schedule = build(PLATEAU)
    losses = [1.0, 0.9, 0.895, 0.95, 0.8, 0.8, 0.8, math.nan, 0.9, 0.8, 0.8, 0.8]
    #                   within min_delta ^^^^^  ^^^^ second epoch without improvement
    expected = [None, None, None, 0.01, None, None, 0.001, None, 0.0005, None, None, None]
    assert [schedule.update(loss) for loss in losses] == pytest.approx(expected)
    assert schedule.learning_rate == 0.0005


@pytest.mark.parametrize("stop", range(9))
def test_plateau_continues_exactly_from_its_state(stop):
    losses = [1.0, 0.5, 0.6, 0.6, 0.4, 0.4, 0.4, 0.4]
    whole = build(PLATEAU)
    expected = [whole.update(loss) for loss in losses]
    first, second = build(PLATEAU), build(PLATEAU)
    before = [first.update(loss) for loss in losses[:stop]]
    second.restore(json.loads(json.dumps(first.state())))
    assert before + [second.update(loss) for loss in losses[stop:]] == expected
    assert second == whole


def test_plateau_sets_the_rate_of_a_real_optimizer():
    schedule = build(PLATEAU)
    optimizer = keras.optimizers.SGD(schedule.learning_rate)
    weight = keras.Variable(0.0)
    for loss in (1.0, 1.0, 1.0):
        rate = schedule.update(loss)
        if rate is not None:
            optimizer.learning_rate = rate
    optimizer.apply([keras.ops.ones(())], [weight])
    assert float(weight.numpy()) == pytest.approx(-0.01)


@pytest.mark.parametrize(("key", "value"), [("factor", 1.0), ("factor", 0), ("patience", 0), ("minimum", -1)])
def test_plateau_refuses_what_makes_no_sense(key, value):
    with pytest.raises(UserError, match=f"^{key}: not valid"):
        build({"name": "plateau", key: value})
