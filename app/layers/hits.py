"""Layers from the raw hits of an event to what a network sees of them. Imported with Keras."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from app.core.errors import Problem, UserError
from app.layers.saving import saved
from datasets.pipeline.moments import Moments

STEEPNESS, HEIGHT = 8.0, 0.5
"""A standardised difference d becomes HEIGHT asinh(STEEPNESS d)."""
SMALLEST = 1e-6


@saved
class LayerDifferences(keras.layers.Layer):
    """Value and presence of each layer, (N, L, 2), to values, differences of pairs and presences, (N, F) float32.

    Args:
        pairs: with the differences.
        angles: numbers of the layers that hold a bending angle, which is a difference already.
        mean: of each value and difference; None: until `adapt` finds it, 0.
        std: of each value and difference; None: 1.
    """

    def __init__(
        self,
        pairs: bool,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        angles: Sequence[int] = (),
        **options: Any,
    ) -> None:
        super().__init__(**{**options, "dtype": "float32"})
        self.pairs = pairs
        self.angles = [int(number) for number in angles]
        self.mean = None if mean is None else [float(value) for value in mean]
        self.std = None if std is None else [float(value) for value in std]

    def adapt(self, blocks: Iterable[Any]) -> None:
        """Find the constants on raw values (N, L, 2), a block at a time, in float64; the blocks are read once.

        Raises:
            UserError: no layer of the training split has a hit.
        """
        rows, sums, squares = (np.zeros(()) for _ in range(3))
        for block in blocks:
            values, there = self._values(np.asarray(block, np.float64), np)
            rows = rows + there.sum(axis=0)
            sums = sums + (values * there).sum(axis=0)
            squares = squares + (values**2 * there).sum(axis=0)
        if not np.any(rows):
            raise UserError(Problem("no layer of the training split has a hit", ("dataset",)))
        mean = sums / np.maximum(rows, 1)
        std = np.sqrt(np.maximum(squares / np.maximum(rows, 1) - mean**2, 0))
        self.mean, self.std = mean.tolist(), np.where(std > SMALLEST, std, 1.0).tolist()

    def _values(self, layers: Any, ops: Any) -> tuple[Any, Any]:
        """Return values and differences, and whether they are there, (N, C) both."""
        value, present = layers[..., 0], layers[..., 1]
        if not self.pairs:
            return value, present
        first, second = self._places(layers.shape[1])
        parts = [[ops.take(a, places, axis=1) for places in (first, second)] for a in (value, present)]
        differences, both = parts[0][1] - parts[0][0], parts[1][0] * parts[1][1]
        return ops.concatenate([value, differences], axis=1), ops.concatenate([present, both], axis=1)

    def _places(self, length: int) -> tuple[Any, Any]:
        """Return the layers of each pair: (C,) both."""
        azimuths = np.array([number for number in range(length) if number not in self.angles], int)
        first, second = np.triu_indices(len(azimuths), 1)
        return azimuths[first], azimuths[second]

    def call(self, layers: Any) -> Any:
        """Return the features, (N, F)."""
        layers = keras.ops.cast(layers, "float32")
        values, there = self._values(layers, keras.ops)
        mean, std = (np.asarray(c, np.float32) for c in (self.mean or [0.0], self.std or [1.0]))
        scaled = there * (values - mean) / std
        length = layers.shape[1]
        bends = [scaled[:, length:], *(scaled[:, number : number + 1] for number in self.angles)]
        small = HEIGHT * keras.ops.arcsinh(STEEPNESS * keras.ops.concatenate(bends, axis=1))
        return keras.ops.concatenate([scaled, small, there[:, :length]], axis=1)

    def compute_output_shape(self, shape: Any) -> tuple[int | None, ...]:
        """Return (N, F)."""
        length = shape[1]
        pairs = len(self._places(length)[0]) if self.pairs else 0
        return (shape[0], 2 * (length + pairs) + len(self.angles))


@saved
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
        moments = Moments()
        for block in blocks:
            moments.add(np.asarray(block) * np.asarray(self.scales))
        if not moments.rows:
            raise UserError(Problem("no event of the training split has a hit", ("dataset",)))
        self.mean, self.std = list(moments.mean), list(moments.std)

    def call(self, hits: Any) -> Any:
        """Return the scaled features, (N, h, F)."""
        factor = np.asarray(self.scales) / np.asarray(self.std)
        shift = np.asarray(self.mean) / np.asarray(self.std)
        return keras.ops.cast(hits, "float32") * factor.astype(np.float32) - shift.astype(np.float32)

    def compute_output_shape(self, shape: Any) -> tuple[int | None, ...]:
        """Return (N, h, F)."""
        return tuple(shape)
