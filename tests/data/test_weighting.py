"""Weights on their way from a job to the loss: their mean, their product, and what a curriculum does to a training."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from app.checks.jobs import check_jobs
from app.config.job_file import parse
from app.core.errors import Interrupted, UserError
from app.data.loading import load_data
from app.data.weighting import make_curriculum, make_weighting
from app.execution.session import Options
from app.execution.single import train_job
from app.layers.physical_outputs import make_chain
from app.training.build import build
from app.training.objective import Objective, Term
from datasets.pipeline.batches import shuffled_batches
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.pipeline.split import Part, Splits

P = np.array([2.0, 4.0, 8.0, 16.0, 64.0])
INVERSE = {"name": "inverse_momentum", "power": 1}


def events(p):
    p = np.asarray(p, np.float32)
    ends = {"x": np.zeros(len(p), np.float32), "p": p}
    return Events({"state": np.stack([p, 1 / p], -1)}, ends, np.arange(len(p), dtype=np.uint64))


def part(*blocks):
    return Part([lambda block=block: events(block) for block in blocks], [len(block) for block in blocks])


def source():
    columns = (Column("x"), Column("qop", "1/GeV"))
    p = Column("p", "GeV")
    return Source({"state": Input(columns, (2,))}, {"x": Column("x")}, {"p": p}, [], [], 0, "", "")


def weighting(small_job, *specs, train=(P,), validation=(P,)):
    job = parse({**small_job, "weighting": list(specs)})
    return make_weighting(job, Splits(part(*train), part(*validation), part()), source())


def test_without_a_weighting_there_are_no_weights(small_job):
    assert weighting(small_job) is None
    assert weighting(small_job, "curriculum") is None  # its weights are another function's


def test_the_mean_over_the_training_split_is_1(small_job):
    found = weighting(small_job, INVERSE, train=(P[:2], P[2:]), validation=(P * 3,))
    mean = np.mean(1 / P)
    np.testing.assert_allclose(found(events(P)), 1 / P / mean, rtol=1e-6)
    np.testing.assert_allclose(found(events(3 * P)), 1 / (3 * P) / mean, rtol=1e-6)  # the same scale elsewhere
    assert found(events(P)).dtype == np.float32


@pytest.mark.parametrize("spec", ["uniform", INVERSE, {"name": "inverse_momentum", "power": 2}, "log_momentum"])
def test_the_mean_over_a_jobs_own_training_split_is_1(small_job, spec):
    job = parse({**small_job, "weighting": spec})
    data = load_data(job)
    weights = np.concatenate([data.prepare(block)[2] for block in data.splits.train])
    assert weights.astype(np.float64).mean() == pytest.approx(1, abs=1e-7)
    assert len(weights) == data.splits.train.rows


def test_several_weightings_are_multiplied_and_then_divided_by_their_mean(small_job):
    by_hand = P**-1.0 / (1 + np.log(P))
    np.testing.assert_allclose(
        weighting(small_job, INVERSE, "log_momentum", "curriculum")(events(P)), by_hand / by_hand.mean(), rtol=1e-6
    )


@pytest.mark.parametrize("where", ["train", "validation"])
def test_log_momentum_below_its_limit_is_told_before_the_training(small_job, where):
    with pytest.raises(UserError) as caught:
        weighting(small_job, "uniform", "log_momentum", **{where: ([5.0, 0.25],)})
    assert str(caught.value) == (
        "weighting.1: 'log_momentum': the weight 1 / (1 + log p) is negative or infinite. "
        "Expected p above 1/e = 0.368 GeV, or another weighting. Received 0.25."
    )


def test_weights_that_vanish_or_overflow_are_refused(small_job):
    with pytest.raises(UserError, match=re.escape("weighting: no training event has a weight.")):
        weighting(small_job, {"name": "inverse_momentum", "power": 2000})
    with pytest.raises(UserError) as caught, np.errstate(over="ignore"):
        weighting(small_job, {"name": "inverse_momentum", "power": 2000}, train=([0.25, 2.0],))
    expected = "weighting.0: 'inverse_momentum' gives weights that are negative or not finite."
    assert str(caught.value).startswith(expected)


def weighted_by_column(small_job, train, validation=(1.0,)):
    """Return the weighting by a column `w` of training and validation events, and the training events."""

    def split(weights):
        w = np.asarray(weights, np.float64)
        block = Events(
            {"state": np.ones((len(w), 2), np.float32)}, {"x": w, "w": w}, np.arange(len(w), dtype=np.uint64)
        )
        return Part([lambda: block], [len(w)])

    train, data = split(train), replace(source(), extras={"w": Column("w")})
    job = parse({**small_job, "weighting": {"name": "column", "column": "w"}})
    return make_weighting(job, Splits(train, split(validation), split([])), data), next(iter(train))


def test_the_loss_is_the_sum_weighted_by_a_column_over_the_sum_of_its_weights(small_job, caplog):
    w = np.array([3.0, -1.0, 0.5, 5.5]) * 1e-42  # of any size: a cross section
    weighting, block = weighted_by_column(small_job, w)
    np.testing.assert_allclose(weighting(block), w / w.mean(), rtol=1e-6)
    squares = np.array([1.0, 4.0, 9.0, 16.0])
    found = loss(objective(small_job), 0, weighting(block))
    assert found == pytest.approx(np.sum(w * squares) / np.sum(w), rel=1e-6)
    effective = w.sum() ** 2 / (w**2).sum()
    assert effective == pytest.approx(1.59, abs=0.01)
    assert caplog.messages == [
        "weights: 1 of 4 training events have negative ones; the loss is the weighted sum over the sum of the weights, "
        "as precise as with 2 equal events"
    ]


@pytest.mark.parametrize(
    ("train", "validation", "text"),
    [
        ([1.0, -1.0], [1.0], "the weights of the 2 training events cancel, and the loss divides by their sum"),
        ([1.0, -3.0], [1.0], "Expected a sum above 0. Received -2.0."),
        ([1.0], [-1.0, 0.5], "the weights of the 2 validation events cancel"),
        ([1.0, math.nan], [1.0], "weighting.0: 'column' gives weights that are not finite. Expected finite weights."),
        ([1.0], [math.inf], "weighting.0: 'column' gives weights that are not finite. Expected finite weights."),
        ([0.0, 0.0], [1.0], "weighting: no training event has a weight."),
    ],
)
def test_weights_of_a_column_that_make_no_loss_are_refused(small_job, train, validation, text):
    with pytest.raises(UserError) as caught:
        weighted_by_column(small_job, train, validation)
    assert text in str(caught.value)


def test_a_column_of_weights_that_is_not_there_is_named(small_job):
    with pytest.raises(UserError) as caught:
        weighting(small_job, {"name": "column", "column": "pp"})
    assert str(caught.value).startswith("weighting.0.column: unknown column. Did you mean 'p'? Expected one of [p, qop")


def test_the_weights_reach_the_loss(small_job):
    """The objective's loss on a weighted batch is mean(w |q/p| squares) / mean |q/p|, from the numbers themselves."""
    job = parse({**small_job, "weighting": INVERSE})
    data = load_data(job)
    built = build(job, data)
    block = next(iter(data.splits.train))
    x, y, weight = built.prepare(block)
    outputs = built.network(x)
    found = float(built.objective.compute_loss(x, y, outputs, weight))
    squares = ((y["state"] - np.asarray(outputs["state"])) ** 2).mean(axis=1)
    share = np.abs(x["state"][:, 4]).astype(np.float64)
    w = 1 / block.columns["p"].astype(np.float64)
    expected = np.mean(w / w.mean() * share / share.mean() * squares)
    assert found == pytest.approx(expected, rel=1e-4)
    assert found != pytest.approx(np.mean(share / share.mean() * squares), rel=0.05)


def test_weights_change_neither_the_order_nor_the_events_of_the_batches(small_job):
    first = []
    for weightings in ([], [INVERSE], ["curriculum"]):
        data = load_data(parse({**small_job, "weighting": weightings}))
        found = shuffled_batches(data.splits.train, data.prepare, 64, seed=1)
        first.append([batch[0]["state"].numpy() for batch in found.take(12)])  # more than one pass
    for other in first[1:]:
        np.testing.assert_array_equal(first[0], other)


# A plain task on two columns, for a curriculum from 20 to 5 GeV in 2 epochs: the threshold is 20, 10, 5 GeV.
QOP = 1 / np.array([40.0, -15.0, 7.0, -3.0], np.float32)
STATE = np.stack([np.zeros(4, np.float32), QOP], axis=-1)
TRUE, OUTPUT = np.zeros((4, 1), np.float32), np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
FALLING = {"name": "curriculum", "start": 20, "end": 5, "epochs": 2}


def objective(small_job, *specs):
    import keras

    job = parse({**small_job, "weighting": list(specs)})
    inputs = {"state": keras.Input((2,), name="state")}
    network = keras.Model(inputs, {"state": keras.layers.Dense(1, name="state_head")(inputs["state"])})
    term = Term("state", 1.0, lambda true, pred: (true - pred)[:, 0] ** 2, make_chain([], ["x"]))
    return Objective(network, [term], {"state": ["x", "qop"]}, curriculum=make_curriculum(job, ["x", "qop"]))


def loss(model, epoch, weight=None, training=True, rows=slice(None)):
    model.epoch.assign(float(epoch))
    pairs = {"state": TRUE[rows]}, {"state": OUTPUT[rows]}
    return float(model.compute_loss({"state": STATE[rows]}, *pairs, weight, training=training))


def test_a_curriculum_is_the_mean_over_the_tracks_above_its_threshold(small_job):
    model = objective(small_job, FALLING)
    assert [loss(model, epoch) for epoch in (0, 1, 2, 50)] == pytest.approx([1, (1 + 4) / 2, (1 + 4 + 9) / 3, 14 / 3])
    to_the_end = objective(small_job, FALLING | {"end": 1})
    assert loss(to_the_end, 2) == pytest.approx(30 / 4)


def test_a_curriculum_acts_in_training_only(small_job):
    assert loss(objective(small_job, FALLING), 0, training=False) == pytest.approx(30 / 4)
    weight = np.array([1.0, 2.0, 0.5, 0.5], np.float32)
    found = loss(objective(small_job, FALLING), 0, weight, training=False)
    assert found == pytest.approx((1 + 8 + 4.5 + 8) / 4)


def test_a_curriculum_multiplies_the_weights_of_the_events(small_job):
    weight = np.array([1.0, 2.0, 0.5, 0.5], np.float32)
    assert loss(objective(small_job, FALLING), 1, weight) == pytest.approx((1 + 2 * 4) / 2)


def test_a_batch_without_a_track_above_the_threshold_costs_nothing_and_pulls_nowhere(small_job):
    import keras
    import tensorflow as tf

    model = objective(small_job, FALLING)
    assert loss(model, 0, rows=slice(1, 4)) == 0
    with tf.GradientTape() as tape:
        y_pred = model({"state": STATE[1:]})
        total = model.compute_loss({"state": STATE[1:]}, {"state": TRUE[1:]}, y_pred, None, training=True)
    for gradient in tape.gradient(total, model.trainable_weights):
        assert not np.any(keras.ops.convert_to_numpy(gradient))


def test_a_curriculum_needs_the_momentum_among_the_inputs(small_job):
    job = parse({**small_job, "weighting": ["uniform", "curriculum"]})
    with pytest.raises(UserError) as caught:
        make_curriculum(job, ["theta", "phi"])
    assert str(caught.value) == "weighting.1: 'curriculum' needs the input column 'qop'. Received ['theta', 'phi']."


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"end": 20}, "small.weighting.0.end: the threshold does not fall. Expected below 20.0 GeV. Received 20.0."),
        (
            {"epochs": 3},
            "small.weighting.0.epochs: the curriculum is as long as the training. "
            "Expected fewer than the 3 epochs of the training. Received 3.0.",
        ),
    ],
)
def test_a_curriculum_that_cannot_be_meant(small_job, changes, text):
    check_jobs([parse({**small_job, "weighting": FALLING})])
    with pytest.raises(UserError) as caught:
        check_jobs([parse({**small_job, "weighting": FALLING | changes})])
    assert str(caught.value) == text


@pytest.mark.slow
def test_a_training_with_weights_and_a_curriculum_resumes_with_the_same_bits(small_job, tmp_path):
    """Three epochs, an interruption in the middle of the curriculum, three more: as six in one go."""
    training = {**small_job["training"], "epochs": 6, "keep_every": 1, "schedule": "constant"}
    falling = {"name": "curriculum", "start": 50, "end": 5, "epochs": 5}
    content = {**small_job, "training": training, "weighting": ["log_momentum", falling]}

    def stop(progress):
        if progress.epoch == 3:
            raise Interrupted

    def finished(name, **options):
        run = train_job(parse({**content, "name": name}), Options(config=tmp_path / "job.json", **options))
        return json.loads(run.history.read_text())

    whole = finished("whole")
    with pytest.raises(Interrupted):
        train_job(parse({**content, "name": "broken"}), Options(config=tmp_path / "job.json"), stop)
    resumed = finished("broken", resume=True)
    assert resumed["train"] == whole["train"]
    assert resumed["val"] == whole["val"]
    assert whole["train"][0]["loss"] != whole["train"][1]["loss"]
