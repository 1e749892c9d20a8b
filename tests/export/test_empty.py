"""Empty in, empty out: networks over hits as ONNX with no events, and with events that have no hit."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from app.export.graph import to_onnx
from app.export.parity import open_session
from app.models import MODELS

FEATURES = 3
ATTENTION = {"blocks": 1, "attention_heads": 2, "hidden": [4]}
NETWORKS: dict[str, dict[str, Any]] = {
    "deep_sets": {"phi": [4], "rho": [4]},
    "hit_pooling": {"encoder": [4], **ATTENTION},
    "hit_transformer": {"embedding": [4], "width": 4, **ATTENTION},
}


def made(name):
    inputs = {"hits": keras.Input((None, FEATURES), name="hits"), "mask": keras.Input((None,), name="mask")}
    outputs = MODELS.parse({"name": name, **NETWORKS[name]}).build(inputs)
    return keras.Model(inputs, outputs if isinstance(outputs, dict) else {"features": outputs})


SLOW = "hit_pooling"
"""The same attention as in hit_transformer, with more around it: the converter takes seconds."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n == SLOW)) for n in NETWORKS])
def test_no_events_and_events_without_hits(name):
    model = made(name)
    session = open_session(to_onnx(model, "model").SerializeToString())
    hits = np.random.default_rng(0).normal(size=(3, 32, FEATURES)).astype(np.float32)
    expected = {key: np.asarray(value) for key, value in model({"hits": hits, "mask": np.zeros((3, 32))}).items()}
    for events, number in ((0, 0), (0, 32), (3, 0), (1, 1), (3, 32)):
        inputs = {"hits": hits[:events, :number], "mask": np.zeros((events, number), np.float32)}
        found = dict(zip(expected, session.run(list(expected), inputs), strict=True))
        assert found["features"].shape == (events, 4)
        assert found["features"] == pytest.approx(expected["features"][:events], abs=1e-6)
        if "scores" in found:
            assert found["scores"].shape == (events, number)
