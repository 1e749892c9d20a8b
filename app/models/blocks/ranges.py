"""Which momentum range a track lies in, and the features of that range's network. Imported where Keras is needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from app.layers.saving import saved


@saved
class RangeFeatures(keras.layers.Layer):
    """Features of K networks side by side, all 0 but those of the track's own range, and which range that is.

    call({"qop": (N,), "features": [(N, H_1), ..., (N, H_K)]}) -> (N, H_1 + ... + H_K + K), in float32.

    A linear layer over them is K linear layers, one for each range: its rows of the features are their weights, its
    rows of the ranges their biases. What is 0 sends no gradient back.

    Args:
        edges: the K - 1 momenta between the ranges [GeV], ascending; a track at an edge belongs to the range above it.
    """

    def __init__(self, edges: Sequence[float], **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.edges = tuple(edges)

    def one_hot(self, qop: Any) -> Any:
        """Return 1 in the column of each track's range, else 0, (N, K), for q/p (N,) in 1/GeV."""
        curvature = keras.ops.abs(qop)[:, None]
        above = keras.ops.cast(curvature <= np.float32(1.0) / np.asarray(self.edges, np.float32), "float32")
        all_of_them, none = keras.ops.ones_like(curvature), keras.ops.zeros_like(curvature)
        return keras.ops.concatenate([all_of_them, above], -1) - keras.ops.concatenate([above, none], -1)

    def call(self, tensors: Mapping[str, Any]) -> Any:
        """Return the masked features and the ranges."""
        chosen = self.one_hot(tensors["qop"])
        kept = [keras.ops.where(chosen[:, k : k + 1] > 0, own, 0.0) for k, own in enumerate(tensors["features"])]
        return keras.ops.concatenate([*kept, chosen], axis=-1)

    def compute_output_shape(self, shapes: Mapping[str, Any]) -> tuple[int | None, int]:
        """Return (N, H_1 + ... + H_K + K)."""
        features = shapes["features"]
        return (features[0][0], sum(shape[-1] for shape in features) + len(features))

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "edges": list(self.edges)}
