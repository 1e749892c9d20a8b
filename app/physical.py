"""The last layer of a deployed model: from network outputs back to physical units. Imported where Keras is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from datasets.transforms import TRANSFORMS, Chain


def columns_of(inputs: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the columns (N,) of flat input tensors by name: {"state": (N, 6)} -> {"x": (N,), ...}."""
    return {
        column: inputs[name][..., position]
        for name, columns in names.items()
        for position, column in enumerate(columns)
    }


def make_chain(specs: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> Chain:
    """Build the transforms that a task's JSON names, not yet fitted."""
    return Chain([step for spec in specs for step in TRANSFORMS.parse(spec).build(targets)])


@keras.saving.register_keras_serializable("wirechamber")
class Physical(keras.layers.Layer):
    """Applies the inverse of a task's transforms, in float32: call({"output": (N, T), "inputs": {...}}) -> (N, T).

    Args:
        targets: names of the T targets.
        transforms: the JSON of the transforms.
        columns: names of the columns of each flat input tensor.
        constants: what each step found on the training split, in the order of the steps.
    """

    def __init__(
        self,
        targets: Sequence[str],
        transforms: Sequence[Mapping[str, Any]],
        columns: Mapping[str, Sequence[str]],
        constants: Sequence[Mapping[str, list[float]]],
        **options: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.settings = {"targets": targets, "transforms": transforms, "columns": columns, "constants": constants}
        self.columns = columns
        self.chain = make_chain(transforms, targets)
        for step, found in zip(self.chain.steps, constants, strict=True):
            step.constants = dict(found)

    def call(self, tensors: Mapping[str, Any]) -> Any:
        """Return the physical targets."""
        return self.chain.inverse(tensors["output"], columns_of(tensors["inputs"], self.columns))

    def compute_output_shape(self, shapes: Mapping[str, Any]) -> Any:
        """Return the shape of the network output: a transform keeps it."""
        return shapes["output"]

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer, the constants included."""
        return {**super().get_config(), **self.settings}
