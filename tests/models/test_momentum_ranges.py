"""A network for each range of momentum: equal to the single networks, apart from each other, and refused in time."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.config.job_file import load, parse
from app.core.errors import UserError
from app.core.files import REPOSITORY
from app.data.loading import load_data
from app.execution.session import Options
from app.execution.single import train_job
from app.models import HEADS, MODELS
from app.models.blocks.ranges import RangeFeatures
from app.training.build import build

SPEC = {"name": "momentum_ranges", "edges": [5, 20], "network": {"name": "mlp", "hidden": [8, 6]}}
P = np.array([0.5, 4.99, 5.0, 7.0, 19.99, 20.0, 99.0, 1e5], np.float32)
RANGE = np.array([0, 0, 1, 1, 1, 2, 2, 2])


def model(spec=SPEC, outputs=4):
    """The network as a job builds it; here the state is standardised already and column 4 is q/p itself."""
    inputs = {"state": keras.Input((6,), name="state")}
    features = MODELS.parse(spec).build(inputs, inputs["state"][:, 4])
    return keras.Model(inputs, HEADS.parse("linear").build(features, outputs, "state_head"))


def tracks(p=P):
    rng = np.random.default_rng(1)
    state = rng.normal(size=(len(p), 6)).astype(np.float32)
    state[:, 4] = rng.choice([-1, 1], len(p)) / p
    return {"state": state}


def head_rows(network, number, sizes=(6, 6, 6)):
    """Return the head's weights of one range's features, its bias in this range, and the constant."""
    kernel, constant = network.get_layer("state_head").get_weights()
    first = sum(sizes[:number])
    return kernel[first : first + sizes[number]], kernel[sum(sizes) + number], constant


def test_each_track_is_in_the_range_that_its_momentum_says():
    chosen = RangeFeatures([5.0, 20.0]).one_hot(np.float32(1) / P)
    np.testing.assert_array_equal(chosen, np.eye(3)[RANGE])
    np.testing.assert_array_equal(RangeFeatures([5.0, 20.0]).one_hot(np.float32(-1) / P), chosen)
    np.testing.assert_array_equal(RangeFeatures([6.0]).one_hot(np.float32(1) / P), np.eye(2)[(P >= 6).astype(int)])


def test_equals_the_single_network_of_each_range():
    network, x = model(), tracks()
    network.get_layer("state_head").set_weights([np.random.default_rng(2).normal(size=(21, 4)), np.arange(4.0)])
    for number in range(3):
        alone = network.get_layer(f"range_{number + 1}")(x)
        kernel, bias, constant = head_rows(network, number)
        rows = number == RANGE
        expected = np.asarray(alone) @ kernel + bias + constant
        np.testing.assert_allclose(np.asarray(network(x))[rows], expected[rows], rtol=1e-5, atol=1e-6)
        assert not np.allclose(np.asarray(network(x))[~rows], expected[~rows], rtol=1e-2)


def test_the_networks_begin_at_weights_of_their_own():
    keras.utils.set_random_seed(1)
    kernels = [model().get_layer(f"range_{number}").get_weights()[0] for number in (1, 2, 3)]
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_tracks_of_one_range_do_not_pull_at_another(number):
    network = model()
    x = tracks(P[number == RANGE])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(x) - 1.0))
    parts = [network.get_layer(name).trainable_weights for name in ("range_1", "range_2", "range_3", "state_head")]
    *networks, (head, constant) = tape.gradient(loss, parts)
    for position, gradients in enumerate(networks):
        assert [bool(np.any(gradient)) for gradient in gradients] == [position == number] * 4
    assert np.any(constant)
    mine = np.zeros(21, bool)
    mine[6 * number : 6 * number + 6] = mine[18 + number] = True
    assert np.any(np.asarray(head)[mine])
    assert not np.any(np.asarray(head)[~mine])


def test_a_network_that_overflows_outside_its_range_does_no_harm():
    network, x = model(), tracks()
    before = np.asarray(network(x))
    weights = network.get_layer("range_1").get_weights()
    network.get_layer("range_1").set_weights([np.full_like(w, np.inf) for w in weights])
    np.testing.assert_array_equal(np.asarray(network(x))[RANGE > 0], before[RANGE > 0])


@pytest.mark.slow
def test_every_network_learns_its_own_range():
    """|q/p|-dependent constants that one linear layer cannot give: the ranges give them exactly."""
    spec = SPEC | {"network": {"name": "mlp", "hidden": [4]}}
    keras.utils.set_random_seed(1)
    network = model(spec, outputs=1)
    p = np.geomspace(1, 100, 600).astype(np.float32)
    x, y = tracks(p), np.digitize(p, [5, 20])[:, None] * np.array([[10.0]], np.float32)
    network.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse", jit_compile=False)
    network.fit(x, y, epochs=40, batch_size=60, verbose=0)
    assert network.evaluate(x, y, verbose=0) < 0.1


def test_the_number_of_parameters():
    inner, ranges = 6 * 64 + 64 + 64 * 64 + 64, 3
    found = model({"name": "momentum_ranges", "edges": [5, 20], "network": {"name": "mlp", "preset": "tiny"}})
    assert found.count_params() == ranges * inner + (ranges * 64 + ranges) * 4 + 4
    assert found.count_params() == ranges * 4868 + 4  # three whole networks, and the constant that they share


def test_saved_and_loaded_gives_the_same_values(tmp_path):
    network, x = model(), tracks()
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), network(x))
    assert loaded.get_layer("ranges").edges == (5.0, 20.0)


def test_half_precision_leaves_the_edges_where_they_are():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = model(SPEC | {"edges": [4.999, 5.001]})
    finally:
        keras.config.set_dtype_policy("float32")
    ranges = keras.Model(network.inputs, network.get_layer("ranges").output)
    chosen = ranges(tracks(np.array([4.998, 5.0, 5.002], np.float32)))[:, -3:]
    np.testing.assert_array_equal(chosen, np.eye(3))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"edges": [20, 5]}, "edges: edges must ascend, and 5 GeV comes after 20 GeV. Received [20, 5]."),
        ({"edges": [5, 5]}, "edges: edges must ascend, and 5 GeV comes after 5 GeV."),
        ({"edges": [-5, 20]}, "edges.0: not valid. Expected greater than 0. Received -5."),
        ({"edges": [0]}, "edges.0: not valid. Expected greater than 0. Received 0."),
        ({"edges": []}, "edges: not valid. "),
        ({"edges": 5}, "edges: not valid. "),
        ({"network": "mpl"}, "network.name: unknown model. Did you mean 'mlp'?"),
        ({"network": "pinn"}, "network.name: 'pinn' cannot be the network of a range. Expected one of [mlp"),
        ({"network": "momentum_ranges"}, "network.name: 'momentum_ranges' cannot be the network of a range."),
        ({"network": {"name": "mlp", "hiden": [3]}}, "network.hiden: unknown key. Did you mean 'hidden'?"),
        (
            {"network": {"name": "mlp", "inputs": {"mirror": True}}},
            "network.inputs: a range has no inputs of its own. "
            "Expected 'inputs' of the model itself: all ranges see the same.",
        ),
    ],
)
def test_options_that_cannot_be_meant(changes, text):
    with pytest.raises(UserError) as caught:
        MODELS.parse(SPEC | changes)
    assert text in str(caught.value)


def job(small_job, **changes):
    return parse({**small_job, "model": SPEC | {"edges": [10, 30]} | changes})


@pytest.mark.parametrize(
    ("edges", "text"),
    [
        ([3, 20], "model.edges: no training event has p < 3 GeV. Expected edges between the momenta of the training"),
        ([20, 200], "model.edges: no training event has p >= 200 GeV. "),
        ([20, 150, 200], "model.edges: no training event has 150 <= p < 200 GeV. "),
        ([20, 20.001, 30], "model.edges: no training event has 20 <= p < 20.001 GeV. "),
    ],
)
def test_a_range_without_training_events_is_refused(small_job, edges, text):
    found = job(small_job, edges=edges)
    with pytest.raises(UserError) as caught:
        build(found, load_data(found))
    assert str(caught.value).startswith(text)
    assert "split, 5" in str(caught.value)
    assert f"Received {[*map(float, edges)]}." in str(caught.value)


def test_the_ranges_go_by_the_raw_momentum_whatever_the_network_sees(small_job):
    for inputs in ({}, {"mirror": True}, {"features": ["tx", "ty"]}):
        found = job(small_job, inputs=inputs)
        data = load_data(found)
        built = build(found, data)
        block = next(iter(data.splits.train))
        ranges = keras.Model(built.network.inputs, built.network.get_layer("ranges").output)
        expected = np.eye(3)[np.digitize(1 / np.abs(block.inputs["state"][:, 4]), [10, 30])]
        np.testing.assert_array_equal(np.asarray(ranges(block.inputs))[:, -3:], expected)


@pytest.mark.slow
def test_a_job_is_trained_and_its_model_loads_in_another_process(small_job, tmp_path):
    run = train_job(job(small_job), Options(config=tmp_path / "job.json"))
    assert "momentum ranges: p < 10 GeV 1" in run.log.read_text()
    program = f"""
from app.evaluation import load
found = load({str(run.path)!r}).predict({{n: [v, v] for n, v in
    dict(x=1.0, y=2.0, tx=0.1, ty=0.05, qop=0.05, dz=5161.0).items()}})
print(sorted(found), [v.shape for v in found.values()])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[-2] == "['tx', 'ty', 'x', 'y'] [(2,), (2,), (2,), (2,)]"


def test_the_shipped_job_differs_from_mlp_medium_in_its_ranges_alone():
    """A model of another name takes nothing over from the job that it extends."""
    folder = REPOSITORY / "json" / "track_extrapolation"
    (ranges,), (medium,) = load(folder / "momentum_ranges.json"), load(folder / "mlp_medium.json")
    assert ranges.model.options.inputs == medium.model.options.inputs
    assert ranges.model.parameters["network"].parameters == medium.model.parameters
    same = {"name": medium.name, "rationale": medium.rationale, "model": medium.model}
    assert ranges.model_copy(update=same).dump() == medium.dump()
