from __future__ import annotations

import keras
import numpy as np
import pytest

from app.models import MODELS

SCALE = {"mean": [3700.0, 25.0, 1.33, 0.02], "std": [310.0, 190.0, 0.11, 0.07], "length": 5161.0}
"""The kick of the default magnet at zeta = 1, roughly: x, y [mm GeV], tx, ty [GeV]."""


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
