"""Sensors that do not stand on a rectangular grid: each looks at itself and at its neighbours. Imported with Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable("wirechamber")
class NeighbourAggregation(keras.layers.Layer):
    """h_i = activation(W x_i + V mean_(j in neighbours of i) x_j + b): (N, S, C) to (N, S, units).

    The mean is over the neighbours that exist, so that a sensor at the edge sees no row of zeros behind it. It is a
    product with the normalised adjacency matrix (S, S), which for a hundred sensors is cheaper than gathering them and,
    unlike the gradient of a gather, adds up in the same order in every run on a GPU.

    Args:
        neighbours: for each sensor the positions of its neighbours, (S, K); -1 where there is none.
        units: features of a sensor afterwards.
        activation: its name.
    """

    def __init__(self, neighbours: Sequence[Sequence[int]], units: int, activation: str, **options: Any) -> None:
        super().__init__(**options)
        self.neighbours = [[int(position) for position in row] for row in neighbours]
        self.units, self.activation = units, activation
        self.matrix = adjacency(self.neighbours)
        self.dense = keras.layers.Dense(units, activation, name="dense", dtype=self.dtype_policy)

    def build(self, shape: Any) -> None:
        """Make the weights: (2 C, units), those for the sensor itself first."""
        self.dense.build((*shape[:-1], 2 * shape[-1]))
        self.built = True

    def call(self, sensors: Any) -> Any:
        """Return the features, (N, S, units)."""
        around = keras.ops.matmul(keras.ops.cast(self.matrix, sensors.dtype), sensors)
        return self.dense(keras.ops.concatenate([sensors, around], axis=-1))

    def compute_output_shape(self, shape: Any) -> tuple[Any, ...]:
        """Return (N, S, units)."""
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer, the table of neighbours with it."""
        own = {"neighbours": self.neighbours, "units": self.units, "activation": self.activation}
        return {**super().get_config(), **own}


def adjacency(neighbours: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the matrix (S, S) that takes the mean over neighbours; the row of a sensor without any is 0."""
    matrix = np.zeros((len(neighbours), len(neighbours)), np.float32)
    for sensor, row in enumerate(neighbours):
        near = [other for other in row if other >= 0]
        matrix[sensor, near] = 1.0 / max(len(near), 1)
    return matrix
