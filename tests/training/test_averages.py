"""The moving average of the weights: what is validated, kept and deployed, and what the training goes on with."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app import optimizers
from app.config.job_file import parse
from app.core.errors import UserError
from app.core.libraries import keras
from app.data.loading import load_data
from app.evaluation import load
from app.evaluation.metrics import scalars
from app.execution.session import Options
from app.execution.single import train_job
from app.optimizers import OPTIMIZERS
from app.runs.files import read_job
from app.training.kept_epochs import model_of
from app.training.recorder import Recorder

STEPS = {"optimizer": {"name": "sgd", "learning_rate": 1e-3}, "schedule": "constant", "steps_per_epoch": 1}


@pytest.fixture
def train(small_job, tmp_path):
    def train(name, *, until=None, resume=False, parts=None, **training):
        changes = {**STEPS, "epochs": 4, "keep_every": 1, **training}
        job = parse({**small_job, **(parts or {}), "name": name, "training": {**small_job["training"], **changes}})
        options = Options(tmp_path / "job.json", until=until, resume=resume, test=False, deterministic=True)
        return train_job(job, options)

    return train


def arrays(run, epoch, file="variables"):
    with np.load(run.checkpoints / f"epoch_{epoch:06d}" / f"{file}.npz") as content:
        return [content[f"arr_{position}"] for position in range(len(content.files))]


def weights_after(run, epoch):
    """Return the weights that were trained: the first arrays with the shapes of the network's."""
    known = arrays(run, epoch)
    return [next(a for a in known if a.shape == best.shape) for best in arrays(run, epoch, "best")]


def history(run):
    content = json.loads(run.history.read_text())
    return content | {"training_time": None}


def test_validation_sees_the_average_and_gives_the_weights_back_bitwise(small_job):
    job = parse({**small_job, "training": {"ema": {"momentum": 0.9}}})
    recorder = Recorder(job.training, None, None, dict, lambda _: None)
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    network.compile(optimizer=optimizers.make(OPTIMIZERS.parse({"name": "sgd", "learning_rate": 0.1}), ema=0.9))
    recorder.set_model(network)
    [kernel] = network.trainable_variables
    begin = kernel.numpy()
    for _ in range(2):
        network.optimizer.apply([np.ones((2, 1), np.float32)], [kernel])
    raw = kernel.numpy()
    recorder.on_test_begin()
    np.testing.assert_allclose(kernel.numpy(), begin - 0.9 * 0.1 - 0.1 * 0.2, rtol=1e-6)
    recorder._take_raw_weights()
    np.testing.assert_array_equal(kernel.numpy(), raw)


@pytest.mark.parametrize("momentum", [0, 1, 1.5])
def test_a_momentum_that_is_none_is_refused(small_job, momentum):
    with pytest.raises(UserError, match=r"job.training.ema.momentum: .*Received " + str(momentum)):
        parse({**small_job, "training": {"ema": {"momentum": momentum}}})


@pytest.mark.slow
def test_the_model_is_the_average_and_the_training_goes_on_with_the_weights(train):
    """One step an epoch: the average is a_1 = w_1, a_k = (a_(k-1) + w_k) / 2, and w_k are those without an average."""
    plain, averaged = train("plain"), train("averaged", ema={"momentum": 0.5})
    weights = [weights_after(plain, epoch) for epoch in range(1, 5)]
    for epoch, expected in enumerate(weights, 1):
        for one, other in zip(expected, weights_after(averaged, epoch), strict=True):
            np.testing.assert_array_equal(one, other)
    best = history(averaged)["best_epoch"]
    assert best == 4
    share = [0.125, 0.125, 0.25, 0.5]
    for position, found in enumerate(arrays(averaged, 4, "best")):
        expected = sum(part * epoch[position] for part, epoch in zip(share, weights, strict=True))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    job = read_job(averaged.job)
    for one, other in zip(
        model_of(averaged, job, load_data(job), 4).get_weights(), arrays(averaged, 4, "best"), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    deployed = {v.path: v.numpy() for v in load(str(averaged.path)).model.variables}
    np.testing.assert_array_equal(deployed["hidden_1/kernel"], arrays(averaged, 4, "best")[0])
    # The first epoch's average is its weights; later ones lag behind on the way down.
    one, other = ([epoch["loss"] for epoch in history(run)["val"]] for run in (plain, averaged))
    assert other[0] == one[0]
    assert all(later > earlier for later, earlier in zip(other[1:], one[1:], strict=True))


PHYSICS = {"collocation": {"points": 5}, "constraints": [{"name": "lorentz_residual", "weight": 0.1}]}
TASKS = {"place": {"targets": ["x", "y"]}, "slopes": {"targets": ["tx", "ty"]}}
CASES = [
    ({"tasks": TASKS}, {}),
    ({"tasks": TASKS}, {"gradient_accumulation": 2}),
    ({"tasks": TASKS}, {"mixed_precision": True}),
    ({**PHYSICS, "model": {"name": "pinn", "hidden": [8], "coefficients": 5}}, {}),
    ({"model": {"name": "rk_pinn", "hidden": [8]}, "constraints": [{"name": "stage_residual", "weight": 0.1}]}, {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("parts", "training"), CASES, ids=["tasks", "accumulated", "mixed", "pinn", "rk_pinn"])
def test_interrupted_and_resumed_is_bit_equal(train, parts, training):
    changes = {"ema": {"momentum": 0.7}, "steps_per_epoch": 3, "optimizer": "adamw", **training}
    whole = train("whole", parts=parts, **changes)
    train("resumed", parts=parts, until=2, **changes)
    resumed = train("resumed", parts=parts, resume=True, **changes)
    for file in ("variables", "best"):
        for one, other in zip(arrays(whole, 4, file), arrays(resumed, 4, file), strict=True):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(history(whole)["val"], history(resumed)["val"], strict=True):
        # TensorFlow orders the terms of a sum by the names in its graph, which differ within one process.
        assert scalars(one) == pytest.approx(scalars(other), rel=1e-6)
