from __future__ import annotations

import keras
import numpy as np
import pytest

from app.models import MODELS
from app.models.blocks.classical import BaselineInputs
from app.physics.magnet import Magnet
from app.physics.runge_kutta import rk4

SCALE = {"mean": [3700.0, 25.0, 1.33, 0.02], "std": [310.0, 190.0, 0.11, 0.07], "length": 5161.0}
"""The kick of the default magnet at zeta = 1, roughly: x, y [mm GeV], tx, ty [GeV]."""
STATE = ("x", "y", "tx", "ty")
INPUTS = (*STATE, "qop", "dz")
GAUSSIAN = Magnet({"name": "gaussian_dipole"}, 2665.0)


@pytest.fixture
def scale():
    return SCALE


@pytest.fixture
def columns():
    """Start states of 7 tracks of both charges and of different lengths, float32."""
    rng = np.random.default_rng(3)
    spans = {"x": 300, "y": 250, "tx": 0.3, "ty": 0.25}
    made = {name: rng.uniform(-span, span, 7) for name, span in spans.items()}
    made |= {"qop": rng.choice([-1, 1], 7) / rng.uniform(2, 100, 7), "dz": rng.uniform(4161, 6161, 7)}
    return {name: values.astype(np.float32) for name, values in made.items()}


@pytest.fixture
def features():
    """Standardised inputs of the same 7 tracks, (7, 6)."""
    return np.random.default_rng(4).normal(size=(7, 6)).astype(np.float32)


@pytest.fixture
def whole(scale):
    """Return a function from a model's JSON to its network, features and dz to {"end", "code"}, and its path."""

    def made(spec, seed=1):
        inputs = {"features": keras.Input((6,), name="features"), "dz": keras.Input((), name="dz")}
        path, inner = MODELS.parse(spec).build(inputs["features"], scale)
        network = keras.Model(inputs, path({"features": inner, "dz": inputs["dz"]}))
        rng = np.random.default_rng(seed)
        for weight in network.trainable_weights:  # biases too, which start at 0
            weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
        return network, path

    return made


def _tracks(rows, seed=0, magnet=GAUSSIAN, dz=5161.0):
    """Return input columns, rounded to float32, and true_<target> of 40 steps in float64, all (N,) float64."""
    random = np.random.default_rng(seed)
    ranges = [300, 250, 0.3, 0.25]
    p = np.exp(random.uniform(*np.log([2, 100]), rows))
    table = dict(zip(STATE, random.uniform(-1, 1, (4, rows)) * np.reshape(ranges, (4, 1)), strict=True))
    table |= {"qop": random.choice([-1, 1], rows) / p, "dz": np.full(rows, dz)}
    table = {name: values.astype(np.float32).astype(np.float64) for name, values in table.items()}
    ends = rk4(magnet.field, tuple(table[n] for n in STATE), table["qop"], magnet.z_start, table["dz"], 40)
    return table | {f"true_{name}": end for name, end in zip(STATE, ends, strict=True)}


class _Made:
    """A classical model of one task: called with a table it returns its targets (N, T) in float64."""

    def __init__(self, spec, targets, magnet, train, validation, columns):
        self.columns = columns
        known = BaselineInputs("state_physical", {"state": list(columns)}, targets, magnet, lambda: (train, validation))
        self.layer = MODELS.parse(spec).build(known)
        inputs = {"state": keras.Input((len(columns),), name="state")}
        self.model = keras.Model(inputs, {"state": self.layer(inputs)})

    def inputs(self, table):
        return {"state": np.stack([table[name] for name in self.columns], axis=1).astype(np.float32)}

    def __call__(self, table, model=None):
        return np.asarray((model or self.model)(self.inputs(table))["state"], np.float64)


@pytest.fixture(scope="session")
def tracks():
    """The function tracks(rows, seed, magnet, dz)."""
    return _tracks


@pytest.fixture(scope="session")
def made():
    """The function made(spec, targets, magnet, train, validation, columns)."""

    def make(spec, targets=STATE, magnet=GAUSSIAN, train=None, validation=None, columns=INPUTS):
        return _Made(spec, targets, magnet, train, validation, columns)

    return make
