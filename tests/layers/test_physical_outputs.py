"""The deployed model: raw inputs in, physical units out, the same after it is saved and loaded."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.config.job_file import parse
from app.core.errors import UserError
from app.data.loading import Data, make_batch
from app.evaluation.predict import Predictor
from app.layers.features import split_columns
from app.layers.physical_outputs import HEAD_OUTPUTS, Physical
from app.models import HEADS
from app.training.build import build
from datasets import DATASETS
from datasets.pipeline.split import split
from datasets.transforms import TRANSFORMS

NAMES = ("x", "y", "tx", "ty", "qop", "dz")


@pytest.fixture
def build_job(tmp_path):
    """build_job(tasks) builds a job on 400 tracks that bend by 0.9 q/p: (data, built)."""
    rng = np.random.default_rng(1)
    scale = np.array([300, 250, 0.3, 0.25])
    start = rng.uniform(-1, 1, (400, 4)) * scale
    qop = rng.choice([-1, 1], 400) / rng.uniform(2, 100, 400)
    end = np.concatenate([start[:, :2] + 5161 * start[:, 2:], start[:, 2:]], axis=1)
    end[:, [0, 2]] += qop[:, None] * [2300, 0.9]
    np.savez(tmp_path / "t.npz", X=np.c_[start, qop, np.full(400, 5161)], Y=end)

    def make(tasks):
        content = {"name": "track_states", "files": [str(tmp_path / "t.npz")]}
        model = {"name": "mlp", "hidden": [8]}
        job = parse({"name": "a", "application": "b", "dataset": content, "model": model, "tasks": tasks})
        source = DATASETS.parse(content).build([tmp_path / "t.npz"])
        data = Data(source, split(source, job.dataset.options), False, partial(make_batch, tasks=job.tasks))
        return data, build(job, data)

    return make


def state_task(transform):
    return {"state": {"targets": ["x", "y", "tx", "ty"], "transform": transform}}


def columns(events):
    return {name: events.inputs["state"][:, i].astype(np.float64) for i, name in enumerate(NAMES)}


def test_columns_of_flat_tensors():
    found = split_columns(
        {"a": np.arange(6).reshape(2, 3), "b": np.array([[7], [8]])}, {"a": ["x", "y", "z"], "b": ["w"]}
    )
    assert {name: values.tolist() for name, values in found.items()} == {
        "x": [0, 3],
        "y": [1, 4],
        "z": [2, 5],
        "w": [7, 8],
    }


def test_physical_outputs_are_the_inverse_of_the_network_by_hand(build_job):
    data, built = build_job(state_task("kick"))
    events = data.splits.test.events()
    found = np.asarray(built.deployed(events.inputs)["state"])
    output = np.asarray(built.network(events.inputs)["state"], np.float64)
    steps = built.normalization["tasks"]["state"]
    assert [step["step"] for step in steps] == ["Kick", "Standardize"]
    kick = output * steps[1]["std"] + steps[1]["mean"]
    c = columns(events)
    line = np.stack([c["x"] + c["tx"] * c["dz"], c["y"] + c["ty"] * c["dz"], c["tx"], c["ty"]], -1)
    np.testing.assert_allclose(found, line + c["qop"][:, None] * kick, rtol=1e-5, atol=1e-3)


def test_a_perfect_network_output_gives_the_truth(build_job):
    data, built = build_job(state_task("kick"))
    layer = built.deployed.get_layer("state_physical")
    for part in (data.splits.train, data.splits.test):
        events = part.events()
        truth = np.stack([events.columns[t] for t in ("x", "y", "tx", "ty")], -1)
        output = layer.chain.forward(truth, split_columns(events.inputs, data.columns))
        found = layer({"output": output, "inputs": events.inputs})["value"]
        np.testing.assert_allclose(found, truth, rtol=1e-5, atol=1e-3)


def test_constants_come_from_the_training_split_alone(build_job):
    data, built = build_job(state_task("standardize"))
    train = data.splits.train.events()
    figures, (step,) = built.normalization["inputs"]["state"], built.normalization["tasks"]["state"]
    np.testing.assert_allclose(figures["mean"], train.inputs["state"].astype(np.float64).mean(0), rtol=1e-9)
    np.testing.assert_allclose(step["mean"][0], train.columns["x"].astype(np.float64).mean(), rtol=1e-6)
    np.testing.assert_allclose(step["std"][2], train.columns["tx"].astype(np.float64).std(), rtol=1e-6)


def test_inputs_are_standardised_and_a_constant_column_stays_finite(build_job):
    data, built = build_job(state_task("kick"))
    normalized = keras.Model(built.network.inputs, built.network.get_layer("state_normalized").output)
    values = np.asarray(normalized(data.splits.train.events().inputs))
    np.testing.assert_allclose(values[:, :5].mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(values[:, :5].std(0), 1, rtol=1e-3)
    assert not values[:, 5].any()  # dz is 5161 mm for all tracks


WIDE = {"circular": {"name": "circular", "period": 1e5}}
"""Transforms whose defaults do not take positions in mm."""


@pytest.mark.parametrize("transform", [name for name in TRANSFORMS.names() if name != "log"])
def test_saved_and_loaded_it_gives_the_same_values(build_job, tmp_path, transform):
    task = {"targets": ["tx", "x"], "transform": WIDE.get(transform, transform)}
    tasks = {"slope": task, "other": {"targets": "y"}}
    data, built = build_job(tasks)
    built.deployed.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    inputs = data.splits.test.events().inputs
    one, other = built.deployed(inputs), loaded(inputs)
    assert set(one) == set(other)
    for task in one:
        assert np.array_equal(one[task], other[task])
        assert np.isfinite(one[task]).all()


def test_the_layer_is_rebuilt_from_its_configuration():
    constants = [{}, {"mean": [1.0], "std": [2.0]}]
    layer = Physical(["tx"], [{"name": "kick"}], {"state": list(NAMES)}, constants)
    again = Physical.from_config(layer.get_config())
    state = np.array([[1, 2, 0.1, -0.2, 0.5, 10]], np.float32)
    call = {"output": np.array([[3.0]], np.float32), "inputs": {"state": state}}
    np.testing.assert_allclose(layer(call)["value"], [[0.1 + 0.5 * (3 * 2 + 1)]], rtol=1e-6)
    assert np.array_equal(layer(call)["value"], again(call)["value"])


def test_the_predictor_gives_the_same_in_pieces(build_job):
    data, built = build_job(state_task("kick"))
    inputs = data.splits.train.events().inputs
    whole, pieces = (Predictor(built.deployed, rows)(inputs)["state"] for rows in (10_000, 37))
    np.testing.assert_allclose(whole, pieces, rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(whole, built.deployed(inputs)["state"], rtol=1e-6, atol=1e-3)


def test_targets_outside_the_transform_are_told_under_the_task(build_job):
    with pytest.raises(UserError, match=r"^tasks\.slope\.transform: Log: not finite for \d+ of \d+ events"):
        build_job({"slope": {"targets": "tx", "transform": "log"}})


def test_every_head_can_be_read():
    assert set(HEAD_OUTPUTS) == set(HEADS.names())


def reading(head, output, targets=("x", "y"), transforms=(), constants=()):
    layer = Physical(list(targets), list(transforms), {"state": []}, list(constants), head=head)
    found = layer({"output": tf.constant(output), "inputs": {"state": tf.zeros((len(output), 0))}})
    shapes = layer.compute_output_shape({"output": (None, len(output[0]))})
    assert {name: (None, *value.shape[1:]) for name, value in found.items()} == shapes
    return {name: value.numpy() for name, value in found.items()}


def test_sigma_of_a_linear_transform_is_exact():
    constants = [{"mean": [1.0, 2.0], "std": [3.0, 0.5]}]
    output = [[1.0, -2.0, np.log(4.0), np.log(0.25)]]  # means, and variances 4 and 1/4
    found = reading("gaussian", output, transforms=[{"name": "standardize"}], constants=constants)
    np.testing.assert_allclose(found["value"], [[4.0, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(found["sigma"], [[6.0, 0.25]], rtol=1e-5)


def test_sigma_of_a_logarithm_is_relative():
    found = reading("gaussian", [[np.log(50.0), 2 * np.log(0.01)]], ["x"], [{"name": "log"}], [{}])
    assert found["value"][0, 0] == pytest.approx(50, rel=1e-5)
    assert found["sigma"][0, 0] == pytest.approx(0.5, rel=1e-3)


def test_the_most_probable_class_and_all_probabilities():
    found = reading("softmax", [[0.0, np.log(6.0), 0.0], [np.log(2.0), 0.0, 0.0]], ["x"])
    np.testing.assert_array_equal(found["value"], [[1.0], [0.0]])
    np.testing.assert_allclose(found["probability"], [[1 / 8, 6 / 8, 1 / 8], [1 / 2, 1 / 4, 1 / 4]], rtol=1e-6)


def test_yes_is_a_probability():
    np.testing.assert_allclose(reading("sigmoid", [[0.0, np.log(3.0)]])["value"], [[0.5, 0.75]], rtol=1e-6)


def test_a_direction_is_given_with_its_concentration():
    found = reading("von_mises_fisher", [[0.0, 3.0, 4.0]], ("a", "b", "c"), [{"name": "unit_vector"}], [{}])
    np.testing.assert_allclose(found["value"], [[0.0, 0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(found["concentration"], [[5.0]], rtol=1e-6)
