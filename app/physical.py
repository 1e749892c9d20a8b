"""The last layer of a deployed model: from network outputs back to physical units. Imported where Keras is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from app.features import columns_of
from app.physics.magnet import Magnet
from datasets.transforms import TRANSFORMS
from datasets.transforms.chain import Chain
from datasets.transforms.mirror import Mirror


def make_chain(
    specs: Sequence[Mapping[str, Any]], targets: Sequence[str], magnet: Magnet | None = None, mirror: bool = False
) -> Chain:
    """Build the transforms that a task's JSON names, not yet fitted."""
    steps = [step for spec in specs for step in TRANSFORMS.parse(spec).build(targets, magnet)]
    return Chain(steps, targets, Mirror() if mirror else None)


@keras.saving.register_keras_serializable("wirechamber")
class Physical(keras.layers.Layer):
    """Applies the inverse of a task's transforms, in float32: call({"output": (N, T), "inputs": {...}}) -> (N, T).

    Args:
        targets: names of the T targets.
        transforms: the JSON of the transforms.
        columns: names of the columns of each flat input tensor.
        constants: what each step found on the training split, in the order of the steps.
        magnet: configuration of the magnet that a transform needs, or None.
        mirror: whether the transforms see mirrored tracks.
    """

    def __init__(
        self,
        targets: Sequence[str],
        transforms: Sequence[Mapping[str, Any]],
        columns: Mapping[str, Sequence[str]],
        constants: Sequence[Mapping[str, list[float]]],
        magnet: Mapping[str, Any] | None = None,
        mirror: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **options})
        data = {"columns": columns, "constants": constants, "magnet": magnet, "mirror": mirror}
        self.settings = {"targets": targets, "transforms": transforms, **data}
        self.columns = columns
        self.chain = make_chain(transforms, targets, Magnet(**magnet) if magnet else None, mirror)
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
