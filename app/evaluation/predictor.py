"""A deployed model called on many events, a bounded number of them at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from app.core.libraries import keras, tf
from datasets.pipeline.arrays import Jagged, dense, rows_at_once

ROWS_AT_ONCE = 8192
NUMBERS_AT_ONCE = 2**26
"""In the widest tensor of a model while it predicts (256 MB): the maps of images are far larger than the images."""

HEADS = 8
"""So many tables of hits against hits are reckoned with."""


class Predictor:
    """Calls a deployed model: raw inputs {name: (N, ...)} to {task: (N, targets)} in physical units.

    At most `rows_at_once` events, and of images fewer, are with the model at a time.
    """

    def __init__(self, deployed: Any, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self.names = frozenset(deployed.input)
        widest = max(_size(layer.output) for layer in _layers(deployed))
        self.rows_at_once = min(rows_at_once, max(1, NUMBERS_AT_ONCE // widest))
        self._call = tf.function(lambda inputs: deployed(inputs, training=False), reduce_retracing=True)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Predict, some events at a time."""
        parts = [self.portion(cut) for cut in self.portions(inputs)]
        return {task: _joined([part[task] for part in parts]) for task in parts[0]}

    def portions(self, inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the inputs of some events at a time, images and hits as dense arrays."""
        inputs = {name: array for name, array in inputs.items() if name in self.names}
        rows = len(next(iter(inputs.values())))
        size = min(self.rows_at_once, *map(_jagged_rows, inputs.values()), rows_at_once(list(inputs.values())))
        for first in range(0, rows, size):
            yield {name: dense(array[first : first + size]) for name, array in inputs.items()}

    def portion(self, cut: Mapping[str, Any]) -> dict[str, Any]:
        """Predict what `portions` yields."""
        tensors = {name: tf.constant(array) for name, array in cut.items()}
        return {task: tensor.numpy() for task, tensor in self._call(tensors).items()}


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers of a model, and those of the models in it."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def _joined(parts: list[Any]) -> Any:
    """Return the rows of all parts; what is said of single hits is as wide as the part's longest event."""
    width = max(part.shape[1] for part in parts)
    if all(part.shape[1] == width for part in parts):
        return np.concatenate(parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts])


def _jagged_rows(array: Any) -> int:
    """Return how many events may be with the model when each hit of an event may look at each other one."""
    if not isinstance(array, Jagged):
        return ROWS_AT_ONCE
    return int(max(1, NUMBERS_AT_ONCE // (HEADS * array.shape[1] ** 2)))


def _size(tensors: Any) -> int:
    """Return how many numbers an output of a layer, or the largest of several, holds for one event."""
    sizes: list[int] = [math.prod(n or 1 for n in tensor.shape[1:]) for tensor in keras.tree.flatten(tensors)]
    return max([1, *sizes])
