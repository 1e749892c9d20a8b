"""Centroids of a map whose weights are learned: where the light is, and how much of it. Imported with Keras."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

FAINT = 1e-3
"""Added to the sum of weights: a face without light has its centroid in the middle."""


@keras.saving.register_keras_serializable("wirechamber")
class LearnedCentroids(keras.layers.Layer):
    """Map (N, H, W, C) to K centroids and the logarithms of their weights, (N, 3 K), in float32.

    With w_k = relu(a_k . x + b_k)^2 at each cell: centroid_k = sum w_k r / sum w_k and log sum w_k, for r from -1 to 1
    along rows and columns, both in units of the standard deviation of a flat distribution. The light-weighted centroid
    and the sum of light are what one would write down for position and energy; a network that has to make a position
    of a map by dense layers learns the same many epochs later.

    Args:
        count: K.
    """

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**{**options, "dtype": "float32"})  # squares of bright sensors overflow in float16
        self.count = count
        self.dense = keras.layers.Dense(count, activation="relu", name="dense", dtype="float32")

    def build(self, shape: Any) -> None:
        """Make the weights and the places of the cells."""
        self.dense.build(shape)
        rows, columns = (np.linspace(-math.sqrt(3.0), math.sqrt(3.0), length) for length in shape[1:3])
        self.places = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)
        self.built = True

    def call(self, cells: Any) -> Any:
        """Return row and column of each centroid, then the logarithms, (N, 3 K)."""
        weights = keras.ops.reshape(keras.ops.square(self.dense(cells)), (-1, len(self.places), self.count))
        total = keras.ops.sum(weights, axis=1) + FAINT
        places = keras.ops.einsum("nck,cd->nkd", weights, self.places) / total[..., None]
        return keras.ops.concatenate(
            [keras.ops.reshape(places, (-1, 2 * self.count)), keras.ops.log(total) / 4.0], axis=-1
        )

    def compute_output_shape(self, shape: Any) -> tuple[int | None, int]:
        """Return (N, 3 K)."""
        return (shape[0], 3 * self.count)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "count": self.count}
