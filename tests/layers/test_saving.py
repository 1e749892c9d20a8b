"""Layers are rebuilt from the arguments of their constructors."""

from typing import Any

import numpy as np

from app.core.libraries import keras
from app.layers.saving import saved


@saved
class Scaled(keras.layers.Layer):
    """A constant times the input."""

    def __init__(self, factor: float, *, offset: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor, self.offset = factor, offset

    def call(self, x: Any) -> Any:
        return self.factor * x + self.offset


def test_a_layer_is_rebuilt_from_its_arguments_and_name():
    layer = Scaled(2.0, offset=1.0, name="mine")
    config = keras.saving.serialize_keras_object(layer)
    assert config["registered_name"] == "wirechamber>Scaled"
    assert {name: config["config"][name] for name in ("factor", "offset", "name")} == {
        **{"factor": 2.0, "offset": 1.0},
        "name": "mine",
    }
    again = keras.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(again(np.float32([[3.0]])), [[7.0]])
