"""The Keras layer from raw features of hits to scaled ones. Imported with Keras."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from app.core.errors import Problem, UserError
from datasets.pipeline.moments import Moments


@keras.saving.register_keras_serializable("wirechamber")
class HitFeatures(keras.layers.Layer):
    """Features of hits (N, h, F) times their scales, less their means, over their standard deviations, float32.

    Args:
        scales: one for each feature.
        standardize: whether `adapt` finds mean and standard deviation; else they are 0 and 1.
        mean: of each scaled feature.
        std: of each scaled feature.
    """

    def __init__(
        self,
        scales: Sequence[float],
        standardize: bool = False,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**{**options, "dtype": "float32"})
        self.scales, self.standardize = [float(value) for value in scales], standardize
        self.mean = [0.0] * len(self.scales) if mean is None else [float(value) for value in mean]
        self.std = [1.0] * len(self.scales) if std is None else [float(value) for value in std]

    def adapt(self, blocks: Iterable[Any]) -> None:
        """Find the constants on the hits of the training split, (M, F) without padding; the blocks are read once.

        Raises:
            UserError: there is no hit.
        """
        if not self.standardize:
            return
        found = Moments()
        for block in blocks:
            found.add(np.asarray(block) * np.asarray(self.scales))
        if not found.rows:
            raise UserError(Problem("no event of the training split has a hit", ("dataset",)))
        self.mean, self.std = list(found.mean), list(found.std)

    def call(self, hits: Any) -> Any:
        """Return the scaled features, (N, h, F)."""
        factor = np.asarray(self.scales) / np.asarray(self.std)
        shift = np.asarray(self.mean) / np.asarray(self.std)
        return keras.ops.cast(hits, "float32") * factor.astype(np.float32) - shift.astype(np.float32)

    def compute_output_shape(self, shape: Any) -> tuple[int | None, ...]:
        """Return (N, h, F)."""
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        own = {"scales": self.scales, "standardize": self.standardize, "mean": self.mean, "std": self.std}
        return {**super().get_config(), **own}
