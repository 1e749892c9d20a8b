"""A network of images from raw ADC to a resumed training: what batch normalisation changes beside weights is kept."""

from __future__ import annotations

import json
import logging

import keras
import numpy as np
import pytest

import registry
from app.config.job_file import parse
from app.data.loading import Data, make_batch
from app.evaluation.metrics import measure_events
from app.evaluation.predict import Predictor
from app.runs.directory import RunDirectory
from app.runs.record import result_fields
from app.training import checkpoint
from app.training.build import build
from app.training.fit import train
from app.training.recorder import Recorder
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.pipeline.split import split

VECTOR, AXIS = ("direction_x", "direction_y", "direction_z"), ("axis_x", "axis_y", "axis_z")
PLANES = ("plane_u", "plane_x")


def events(rows=300, seed=1):
    """Straight tracks in images of 32 ticks and 8 wires: u = y + z, x = z, time = x."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(rows, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    steps = np.linspace(-3, 3, 13)
    images = {}
    for plane, across in (("plane_u", vectors[:, 1] + vectors[:, 2]), ("plane_x", vectors[:, 2])):
        image = np.zeros((rows, 32, 8), np.float32)
        for k, step in enumerate(steps):
            tick = np.clip(np.rint(16 + 4 * step * vectors[:, 0]), 0, 31).astype(int)
            wire = np.clip(np.rint(3.5 + step * across), 0, 7).astype(int)
            image[np.arange(rows), tick, wire] += 100.0 * (1 + k / 6)  # the head has more charge
        images[plane] = image
    columns = dict(zip((*VECTOR, *AXIS), [*vectors.T, *(-vectors).T], strict=True))
    columns = {name: values.astype(np.float32) for name, values in columns.items()}
    return Events(images, columns, rng.integers(0, 2**63, rows).astype(np.uint64))


def job(epochs=3, **model):
    tiny = {"name": "three_plane_cnn", "conv_layers": 2, "filters": 4, "kernel_size": 3, "dense_units": 8, **model}
    return parse(
        {
            "name": "images",
            "application": "electron_direction",
            "dataset": {"name": "track_states", "simulate": {"tracks": 600, "momentum": [5, 100]}},  # not looked at
            "model": tiny,
            "tasks": {"direction": {"targets": VECTOR, "loss": "von_mises_fisher", "metrics": ["pointing"]}},
            "training": {
                "epochs": epochs,
                "batch_size": 32,
                "optimizer": {"name": "adam", "learning_rate": 1e-2},
                "schedule": "constant",
                "keep_every": 1,
                "xla": False,
                "steps_per_execution": 1,
            },
        }
    )


def data(of):
    layer = {"name": "adc", "sum_ticks": 2}
    named = lambda names: {name: Column(name) for name in names}  # noqa: E731
    inputs = {plane: Input((Column("adc", "ADC"),), (32, 8), layer=layer) for plane in PLANES}
    source = Source(inputs, named(VECTOR), named(AXIS), [events], ["memory"], 300, "f", "300 tracks")
    splits = split(source, of.dataset.options)
    return Data(source, splits, True, lambda events: make_batch(events, of.tasks))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    keras.utils.set_random_seed(1)
    of = job()
    known = data(of)
    built = build(of, known)
    run = RunDirectory(tmp_path_factory.mktemp("whole"))
    history = train(of, known, built, run, resume=False, report=lambda _: None)
    return of, known, built, run, history


def norms(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def test_the_training_moves_the_averages_and_learns(trained):
    _, _, built, _, history = trained
    for layer in norms(built.network):
        assert not np.allclose(layer.moving_mean, 0)
        assert not np.allclose(layer.moving_variance, 1)
    losses = [epoch["loss"] for epoch in history["train"]]
    assert losses[-1] < losses[0]


def test_the_deployed_model_uses_the_moving_averages(trained):
    """The same event alone and among others, and by hand from the averages as they are."""
    _, known, built, _, _ = trained
    inputs = known.splits.test.events().inputs
    every = Predictor(built.deployed)(inputs)["direction"]
    alone = Predictor(built.deployed)({name: images[:1] for name, images in inputs.items()})["direction"]
    np.testing.assert_allclose(every[:1], alone, rtol=1e-4, atol=1e-6)
    first = norms(built.deployed)[0]
    assert first is norms(built.network)[0]
    before, after = (
        np.asarray(keras.Model(built.deployed.inputs, tensor)(dict(inputs), training=False))
        for tensor in (first._inbound_nodes[0].arguments.keras_tensors[0], first._inbound_nodes[0].outputs[0])
    )
    by_hand = (before - first.moving_mean) / np.sqrt(first.moving_variance + first.epsilon) * first.gamma + first.beta
    np.testing.assert_allclose(after, by_hand, rtol=1e-3, atol=1e-5)
    variance = first.moving_variance.numpy()
    first.moving_variance.assign(4 * variance)
    assert not np.allclose(Predictor(built.deployed)(inputs)["direction"], every, atol=1e-3)
    first.moving_variance.assign(variance)


def test_best_weights_and_checkpoints_hold_the_averages(trained):
    """A later epoch that is worse changes the averages, and they are put back with the weights."""
    of, _, built, run, history = trained
    recorder = Recorder(of.training, None, run, dict, lambda _: None)
    recorder.set_model(built.objective)
    recorder.progress.epoch = history["best_epoch"]
    recorder.keep_best(history["best_val_loss"])
    first = norms(built.network)[0]
    mean, variance = first.moving_mean.numpy(), first.moving_variance.numpy()
    first.moving_mean.assign(mean + 1)
    recorder.keep_best(history["best_val_loss"] + 1)
    built.network.set_weights(recorder.best)
    np.testing.assert_array_equal(first.moving_mean, mean)
    names = [variable.path for variable in checkpoint.variables(recorder.model)]
    assert {first.moving_mean.path, first.moving_variance.path} <= set(names)
    with np.load(checkpoint.find_latest(run.checkpoints) / "best.npz") as kept:
        best = [kept[f"arr_{n}"] for n in range(len(kept.files))]
    paths = [weight.path for weight in built.network.weights]
    np.testing.assert_array_equal(best[paths.index(first.moving_mean.path)], mean)
    np.testing.assert_array_equal(best[paths.index(first.moving_variance.path)], variance)


@pytest.mark.slow
def test_a_resumed_training_ends_with_the_same_bits(trained, tmp_path):
    """Two epochs, then a new process' worth of networks for the third."""
    of, known, whole, _, history = trained
    keras.utils.set_random_seed(1)
    first, run = job(epochs=2), RunDirectory(tmp_path)
    train(first, known, build(first, known), run, resume=False, report=lambda _: None)
    keras.utils.set_random_seed(5)
    again = build(of, known)
    found = train(of, known, again, run, resume=True, report=lambda _: None)
    assert [epoch["loss"] for epoch in found["train"]] == [epoch["loss"] for epoch in history["train"]]
    for one, other in zip(whole.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_saved_and_loaded_it_predicts_the_same(trained, tmp_path):
    _, known, built, _, _ = trained
    built.deployed.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    inputs = known.splits.test.events().inputs
    for name, values in Predictor(built.deployed)(inputs).items():
        np.testing.assert_array_equal(Predictor(loaded)(inputs)[name], values)


def test_the_verdict_leaves_out_the_baseline_that_knows_the_truth(trained, caplog):
    of, known, built, _, _ = trained
    with caplog.at_level(logging.INFO):
        results, predictions = measure_events(of, known, known.splits.test, built.deployed)
    shown = results["direction"]["baselines"]
    assert set(shown) == {"isotropic", "principal_axis", "principal_axis_true_sign"}
    assert shown["principal_axis"]["angle_mean_deg"] == pytest.approx(0, abs=0.1)  # they are the other way round
    assert shown["principal_axis_true_sign"]["angle_mean_deg"] == pytest.approx(0, abs=0.1)
    said = result_fields(results)
    assert set(said["baselines"]) == {"isotropic", "principal_axis"}
    assert "true_sign" not in registry.verdict(said["value"], said["baselines"], said["better"])
    assert "SIGN FROM THE TRUTH" in json.dumps(results["direction"]["descriptions"])
    assert "principal_axis_true_sign" in predictions.baselines


def test_mixed_precision_trains_the_same_network(trained):
    of, known, _, _, _ = trained
    content = of.dump()
    content["training"]["mixed_precision"] = True
    mixed = build(parse(content), known)
    assert mixed.network.get_layer("plane_x_layer").compute_dtype == "float32"
    assert mixed.network.get_layer("plane_x_1_conv").compute_dtype == "float16"
    outputs = Predictor(mixed.deployed)(known.splits.test.events().inputs)
    assert {values.dtype for values in outputs.values()} == {np.dtype("float32")}


def test_predictions_are_made_in_parts_that_fit_and_do_not_depend_on_them(trained, monkeypatch):
    """The widest tensor are the maps of the first layer: 16 x 8 pixels times 4 filters."""
    _, known, built, _, _ = trained
    inputs = known.splits.test.events().inputs
    whole = Predictor(built.deployed)
    assert whole.rows_at_once == 8192
    monkeypatch.setattr("app.evaluation.predict.NUMBERS_AT_ONCE", 16 * 8 * 4 * 7 + 1)
    parts = Predictor(built.deployed)
    assert parts.rows_at_once == 7
    np.testing.assert_allclose(parts(inputs)["direction"], whole(inputs)["direction"], rtol=1e-4, atol=1e-6)
