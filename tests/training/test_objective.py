"""The loss that a training minimises, by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.core.errors import UserError
from app.layers.features import split_columns
from app.layers.physical_outputs import make_chain
from app.training.objective import Objective, Term, check_per_event
from losses import LOSSES

COLUMNS = {"state": ["x", "y", "tx", "ty", "qop", "dz"]}
STATE = np.array([[1.0, 2.0, 0.1, -0.2, 0.5, 10.0], [0.0, 1.0, 0.0, 0.1, -0.02, 10.0]], np.float32)
TRUE = np.array([[3.0, 0.5], [0.1, 2.5]], np.float32)  # x and y at the end
OUTPUT = np.array([[2.5, 0.5], [-4.0, 20.0]], np.float32)  # what the network says, in the transformed space


def call(name, **parameters):
    spec = LOSSES.parse({"name": name, **parameters})
    return lambda y_true, y_pred: spec.component.call(y_true, y_pred, **spec.parameters)


def term(name="state", transform=(), weight=1.0, loss="mse", mean_weight=1.0, targets=("x", "y")):
    return Term(name, weight, call(loss), make_chain([{"name": t} for t in transform], targets), mean_weight)


def kick_term(**changes):
    """A kick whose standardisation is (k - 1) / 2 for x and k / 4 for y."""
    made = term(transform=("kick",), **changes)
    made.chain.steps[1].constants = {"mean": [1.0, 0.0], "std": [2.0, 4.0]}
    return made


def objective(*terms):
    inputs = {"state": keras.Input((6,), name="state")}
    outputs = {t.name: keras.layers.Dense(2, name=f"{t.name}_head")(inputs["state"]) for t in terms}
    return Objective(keras.Model(inputs, outputs), terms, COLUMNS)


def loss(model, sample_weight=None, **pairs):
    columns = split_columns({"state": STATE}, COLUMNS)
    chains = {t.name: t.chain for t in model.terms}
    y = {name: np.asarray(chains[name].forward(true, columns)) for name, (true, _) in pairs.items()}
    y_pred = {name: output for name, (_, output) in pairs.items()}
    return float(model.compute_loss({"state": STATE}, y, y_pred, sample_weight))


def by_hand(event_losses, weights):
    return float(np.mean(np.array(event_losses) * np.array(weights)))


# The lines end at x = 2, y = 0 and x = 0, y = 2, so the kicks are (1, 0.5) / 0.5 and (0.1, 0.5) / -0.02, standardised:
KICKS = np.array([[(2 - 1) / 2, 1 / 4], [(-5 - 1) / 2, -25 / 4]])
SQUARES = ((KICKS - OUTPUT) ** 2).mean(axis=1)


def test_a_plain_term_is_the_mean_of_the_loss():
    expected = np.mean([(0.5**2 + 0) / 2, (4.1**2 + 17.5**2) / 2])
    assert loss(objective(term()), state=(TRUE, OUTPUT)) == pytest.approx(expected, rel=1e-6)


def test_kick_is_computed_in_its_space_and_weighted_by_qop():
    assert loss(objective(kick_term()), state=(TRUE, OUTPUT)) == pytest.approx(by_hand(SQUARES, [0.5, 0.02]), rel=1e-5)
    mean = np.mean([0.5, 0.02])
    found = loss(objective(kick_term(mean_weight=mean)), state=(TRUE, OUTPUT))
    assert found == pytest.approx(by_hand(SQUARES, [0.5 / mean, 0.02 / mean]), rel=1e-5)


def test_a_perfect_output_costs_nothing():
    assert loss(objective(kick_term()), state=(TRUE, KICKS.astype(np.float32))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("weights", [[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]])
def test_sample_weights_multiply(weights):
    found = loss(objective(kick_term()), np.array(weights, np.float32), state=(TRUE, OUTPUT))
    assert found == pytest.approx(by_hand(SQUARES, np.array([0.5, 0.02]) * weights), rel=1e-5)


def test_two_tasks_are_summed_with_their_weights_and_tracked_each():
    model = objective(kick_term(name="one", weight=2.0), term("two", weight=0.5, loss="l1"))
    one, two = by_hand(SQUARES, [0.5, 0.02]), np.abs(TRUE - OUTPUT).mean()
    found = loss(model, one=(TRUE, OUTPUT), two=(TRUE, OUTPUT))
    assert found == pytest.approx(2 * one + 0.5 * two, rel=1e-5)
    tracked = {name: float(tracker.result()) for name, tracker in model.trackers.items()}
    weights = {"one_weight": 2.0, "two_weight": 0.5}
    expected = {"one_loss": one, "two_loss": two, "data_loss": 2 * one + 0.5 * two, **weights}
    assert tracked == pytest.approx(expected, rel=1e-5)


def test_a_half_precision_output_is_cast_before_it_is_compared():
    half = OUTPUT.astype(np.float16)
    expected = loss(objective(kick_term()), state=(TRUE, half.astype(np.float32)))
    assert loss(objective(kick_term()), state=(TRUE, half)) == pytest.approx(expected, rel=1e-6)


def start(model, seed=1):
    keras.utils.set_random_seed(seed)
    for weight in model.trainable_weights:
        weight.assign(np.random.default_rng(weight.shape[0]).normal(size=weight.shape))
    return model


def test_a_single_task_trains_as_a_plain_keras_model():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(64, 6)).astype(np.float32), rng.normal(size=(64, 2)).astype(np.float32)
    ours, plain = start(objective(term())), start(objective(term())).network
    ours.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    plain.compile(optimizer=keras.optimizers.SGD(0.1), loss={"state": "mse"}, jit_compile=False)
    kept = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
    histories = [model.fit({"state": x}, {"state": y}, **kept).history["loss"] for model in (ours, plain)]
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for a, b in zip(ours.network.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_fit_reports_every_task_and_evaluate_resets_them():
    model = objective(term("one"), term("two", weight=3.0))
    model.compile(optimizer="sgd", jit_compile=False)
    y = {"one": TRUE, "two": 2 * TRUE}
    history = model.fit({"state": STATE}, y, epochs=2, verbose=0).history
    assert set(history) == {"loss", "data_loss", "one_loss", "two_loss", "one_weight", "two_weight"}
    np.testing.assert_allclose(
        history["loss"], np.add(history["one_loss"], 3 * np.array(history["two_loss"])), rtol=1e-5
    )
    found = model.evaluate({"state": STATE}, y, verbose=0, return_dict=True)
    again = model.evaluate({"state": STATE}, y, verbose=0, return_dict=True)
    assert found == again
    output = {name: np.asarray(value) for name, value in model({"state": STATE}).items()}
    assert found["two_loss"] == pytest.approx(((output["two"] - 2 * TRUE) ** 2).mean(), rel=1e-5)


def test_a_zero_sample_weight_removes_an_event_from_the_training():
    ours, alone = start(objective(term())), start(objective(term()))
    for model in (ours, alone):
        model.compile(optimizer=keras.optimizers.SGD(0.01), jit_compile=False)
    x = STATE / 10
    weighted = ({"state": x}, {"state": TRUE}, np.array([2.0, 0.0], np.float32))
    ours.fit(tf.data.Dataset.from_tensors(weighted), shuffle=False, verbose=0)
    alone.fit({"state": x[:1]}, {"state": TRUE[:1]}, verbose=0)
    for a, b in zip(ours.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_loss_that_is_one_number_is_refused():
    check_per_event(keras.ops.zeros((5,)), "state")
    with pytest.raises(UserError, match=r"tasks.state.loss: not a loss. Expected one value per event, \(N,\)"):
        check_per_event(keras.ops.zeros(()), "state")
