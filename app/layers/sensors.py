"""Layers from the raw values of photon sensors to what a network sees of them. Imported with Keras."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from app.core.errors import Problem, UserError
from app.layers.saving import saved
from app.physics.arrays import module_of
from datasets.pipeline.moments import Moments

LARGEST = 9e9
"""A reading beyond this marks "not measured" in the files."""
NOT_MEASURED = 2.0 * LARGEST
NANOSECONDS = 1e9
CHANNELS = ("light", "time", "valid_light", "valid_time")


@saved
class SensorChannels(keras.layers.Layer):
    """Photons and times [s], (N, S, 2), to light, time, mask of light and mask of time, (N, S, 4) float32.

    It computes in float32 also under mixed precision: a nanosecond in seconds is 0 in float16.

    Args:
        scaling: of the light: "log1p", "sqrt", "anscombe" or "linear".
        light: mean and standard deviation of the scaled light.
        time: mean and standard deviation of the time [ns].
    """

    def __init__(
        self,
        scaling: str,
        light: Mapping[str, float] | None = None,
        time: Mapping[str, float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**{**options, "dtype": "float32"})
        self.scaling = scaling
        self.light = dict(light or {"mean": 0.0, "std": 1.0})
        self.time = dict(time or {"mean": 0.0, "std": 1.0})

    def adapt(self, blocks: Iterable[Any]) -> None:
        """Find the constants on raw readings (N, S, 2), a block at a time, in float64; the blocks are read once.

        Raises:
            UserError: no sensor of the training split has light. (Data without times are possible: times stay 0.)
        """
        light, time = Moments(), Moments()
        for block in blocks:
            photons, seconds = np.moveaxis(np.asarray(block), -1, 0)
            light.add(scale_light(_valid(photons), self.scaling))
            time.add(_valid(seconds) * NANOSECONDS)
        if not light.rows:
            raise UserError(Problem("no sensor of the training split has a valid number of photons", ("dataset",)))
        self.light = {"mean": float(light.mean), "std": float(light.std)}
        self.time = {"mean": float(time.mean), "std": float(time.std)} if time.rows else self.time

    def call(self, readings: Any) -> Any:
        """Return the channels, (N, S, 4)."""
        readings = keras.ops.cast(readings, "float32")
        # Exported to ONNX, only a `where` on isnan itself stays one: others become mask * x + (1 - mask) * y, which
        # keeps NaN and makes it of inf.
        bounded = keras.ops.where(keras.ops.isnan(readings), NOT_MEASURED, readings)
        bounded = keras.ops.clip(bounded, -NOT_MEASURED, NOT_MEASURED)
        valid = keras.ops.abs(bounded) <= LARGEST
        known = keras.ops.where(valid, bounded, 0.0)  # before any arithmetic: NaN times 0 is NaN, in gradients too
        light = (scale_light(known[..., 0], self.scaling) - self.light["mean"]) / self.light["std"]
        time = (known[..., 1] * NANOSECONDS - self.time["mean"]) / self.time["std"]
        values = keras.ops.where(valid, keras.ops.stack([light, time], axis=-1), 0.0)
        return keras.ops.concatenate([values, keras.ops.cast(valid, "float32")], axis=-1)

    def compute_output_shape(self, shape: Any) -> tuple[int | None, ...]:
        """Return (N, S, 4)."""
        return (*shape[:-1], len(CHANNELS))


def _valid(values: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return values[np.abs(values) <= LARGEST].astype(np.float64)


STEEPEST = 1e-12
"""Below this the square root is constant, so that its slope stays finite where there is no light."""


def scale_light(photons: Any, scaling: str) -> Any:
    """Return the scaled photons n: n, sqrt n, 2 sqrt(n + 3/8) or ln(1 + n), continued to negative n."""
    if scaling == "linear":
        return photons
    if scaling == "anscombe":
        return 2.0 * _root(photons + 0.375)
    if scaling == "sqrt":
        return _root(photons)
    ops = module_of(photons)
    return ops.sign(photons) * ops.log1p(ops.abs(photons))


def _root(value: Any) -> Any:
    ops = module_of(value)
    return ops.sign(value) * ops.sqrt(ops.maximum(ops.abs(value), STEEPEST))
