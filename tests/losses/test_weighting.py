"""Weightings by hand, and what every registered one must do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.core.errors import UserError
from losses.weighting import WEIGHTINGS

P = np.array([0.5, 1.0, 2.0, 4.0, 100.0])
BY_P = {"p": P, "x": np.zeros(5)}
BY_QOP = {"qop": np.array([1, -1, 1, -1, 1]) / P, "x": np.zeros(5)}


def named(epochs):
    return [c for c in WEIGHTINGS if c.facts.epochs is epochs and not (c.facts.fits or c.facts.signed)]


every_fixed = pytest.mark.parametrize("component", named(epochs=False), ids=lambda c: c.name)
every_changing = pytest.mark.parametrize("component", named(epochs=True), ids=lambda c: c.name)


def tracks(rows=50):
    """Columns of tracks of 0.5 to 100 GeV, as float32 data carry them."""
    rng = np.random.default_rng(1)
    p = np.geomspace(0.5, 100, rows)
    columns = {name: rng.normal(size=rows) for name in ("x", "y", "tx", "ty", "true_x", "true_y")}
    columns |= {"p": p, "qop": rng.choice([-1, 1], rows) / p, "dz": np.full(rows, 5161.0)}
    return {name: values.astype(np.float32) for name, values in columns.items()}


@pytest.mark.parametrize("columns", [BY_P, BY_QOP], ids=["p", "qop"])
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("uniform", [1, 1, 1, 1, 1]),
        ({"name": "inverse_momentum", "power": 0.5}, [math.sqrt(2), 1, 1 / math.sqrt(2), 0.5, 0.1]),
        ("inverse_momentum", [2, 1, 0.5, 0.25, 0.01]),
        ({"name": "inverse_momentum", "power": 2}, [4, 1, 0.25, 0.0625, 1e-4]),
        (
            "log_momentum",
            [
                1 / (1 - math.log(2)),
                1,
                1 / (1 + math.log(2)),
                1 / (1 + 2 * math.log(2)),
                1 / (1 + 2 * math.log(10)),
            ],
        ),
    ],
    ids=lambda value: value["power"] if isinstance(value, dict) else None,
)
def test_weights_by_hand(spec, expected, columns):
    np.testing.assert_allclose(WEIGHTINGS.parse(spec).build(columns), expected, rtol=1e-12)


def test_the_momentum_column_goes_before_qop():
    both = {"p": P, "qop": np.full(5, 7.0)}
    np.testing.assert_allclose(WEIGHTINGS.parse("inverse_momentum").build(both), 1 / P)


@pytest.mark.parametrize("softest", [1 / math.e, 0.3, 0.01])
def test_log_momentum_refuses_where_its_weight_is_not_positive(softest):
    with pytest.raises(UserError) as caught:
        WEIGHTINGS.parse("log_momentum").build({"p": np.array([2.0, softest])})
    assert str(caught.value) == (
        "'log_momentum': the weight 1 / (1 + log p) is negative or infinite. "
        f"Expected p above 1/e = 0.368 GeV, or another weighting. Received {round(softest, 4)}."
    )


def test_log_momentum_takes_all_above():
    weight = WEIGHTINGS.parse("log_momentum").build({"p": np.array([0.37, 1e9])})
    np.testing.assert_allclose(weight, [1 / (1 + math.log(0.37)), 1 / (1 + 9 * math.log(10))])


@pytest.mark.parametrize("name", ["inverse_momentum", "log_momentum"])
def test_data_without_momentum_are_refused(name):
    with pytest.raises(UserError) as caught:
        WEIGHTINGS.parse(name).build({"x": np.zeros(2), "energy": np.ones(2)})
    expected = "the data have no momentum. Expected data with a column p or qop. Received ['energy', 'x']."
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": "inverse_momentum", "power": 0}, "power: not valid. Expected greater than 0. Received 0"),
        ({"name": "inverse_momentum", "power": -1}, "power: not valid. Expected greater than 0. Received -1"),
        ({"name": "inverse_momentum", "pwoer": 1}, "pwoer: unknown key. Did you mean 'power'?"),
        ("inverse_momentun", "name: unknown weighting. Did you mean 'inverse_momentum'?"),
        ({"name": "curriculum", "start": 0}, "start: not valid. Expected greater than 0. Received 0"),
        ({"name": "curriculum", "epochs": 0}, "epochs: not valid. Expected greater than 0. Received 0"),
    ],
)
def test_options_that_cannot_be_meant(options, text):
    with pytest.raises(UserError) as caught:
        WEIGHTINGS.parse(options)
    assert text in str(caught.value)


# The threshold falls evenly in log p: from 20 GeV to 1.25 in 8 epochs it halves every second epoch.
FALLING = WEIGHTINGS.parse({"name": "curriculum", "start": 20, "end": 1.25, "epochs": 8})


@pytest.mark.parametrize(
    ("epoch", "threshold"),
    [(0, 20), (2, 10), (3, 10 / math.sqrt(2)), (4, 5), (6, 2.5), (8, 1.25), (9, 1.25), (99, 1.25)],
)
def test_the_threshold_of_a_curriculum_over_the_epochs(epoch, threshold):
    p = threshold * np.array([0.1, 0.999, 1.001, 10], np.float32)
    qop = np.array([1, -1, -1, 1], np.float32) / p
    weight = FALLING.component.call({"qop": qop}, float(epoch), **FALLING.parameters)
    assert np.asarray(weight).tolist() == [0, 0, 1, 1]


@every_fixed
def test_gives_one_finite_weight_from_0_up_for_each_event(component):
    weight = np.asarray(component.call(tracks()))
    assert weight.shape == (50,)
    assert np.isfinite(weight).all()
    assert (weight >= 0).all()
    assert weight.sum() > 0


@every_fixed
def test_the_weight_of_an_event_does_not_see_the_others(component):
    columns = tracks()
    alone = [component.call({name: v[i : i + 1] for name, v in columns.items()})[0] for i in range(50)]
    np.testing.assert_array_equal(component.call(columns), alone)


@every_changing
def test_changing_weights_are_finite_from_0_up_and_grow_to_all_events(component):
    import keras
    import tensorflow as tf

    columns = {name: keras.ops.convert_to_tensor(v) for name, v in tracks().items() if name in component.facts.needs}
    sums = []
    for epoch in (0.0, 1.0, 10.0, 1000.0):
        weight = component.call(columns, keras.ops.convert_to_tensor(epoch))
        compiled = tf.function(component.call, jit_compile=True)(columns, keras.ops.convert_to_tensor(epoch))
        assert weight.shape == (50,)
        assert keras.backend.standardize_dtype(weight.dtype) == "float32"
        assert np.isfinite(weight).all()
        assert (np.asarray(weight) >= 0).all()
        np.testing.assert_allclose(compiled, weight, rtol=1e-6)
        sums.append(float(np.sum(weight)))
    assert sums == sorted(sums)
    assert sums[0] < sums[-1]
