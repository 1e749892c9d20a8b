"""The Keras layer from raw ADC images to scaled ones. Imported with Keras."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from app.core.errors import Problem, UserError
from app.layers.saving import saved
from app.physics.arrays import module_of

AXES = {"rows": 1, "columns": 2}
AT_ONCE = 2**24
"""`adapt` converts this many pixels to float64 at a time."""


@saved
class Adc(keras.layers.Layer):
    """ADC values (N, H, W) or (N, H, W, P) to scaled ones (N, H / r, W, P) or (N, H, W / r, P), float32.

    Args:
        normalization: "raw", "log", "asinh" or "per_image".
        sum_ticks: r, how many ticks are added up.
        ticks: the axis of the time, "rows" or "columns".
        scale: one for all planes, or one for each of the P; None: `adapt` finds it, and until then it is 1.
    """

    def __init__(
        self,
        normalization: str,
        sum_ticks: int = 1,
        ticks: str = "rows",
        scale: Sequence[float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**{**options, "dtype": "float32"})
        self.normalization, self.sum_ticks, self.ticks = normalization, sum_ticks, ticks
        self.scale = None if scale is None else [float(value) for value in scale]

    def adapt(self, blocks: Iterable[Any]) -> None:
        """Find the scale on raw images, a block at a time, in float64; the blocks are read once.

        Raises:
            UserError: no pixel of a plane has charge, a value is not finite, or the ticks are no multiple of r.
        """
        if self.scale is not None or self.normalization == "per_image":
            return
        squares, pixels = np.zeros(()), np.zeros(())
        for block in blocks:
            array = np.asarray(block)
            rows = max(1, AT_ONCE // max(1, int(np.prod(array.shape[1:]))))
            for first in range(0, len(array), rows):
                images = array[first : first + rows]
                charge = _with_planes(self._sum_ticks(np.asarray(images, np.float64)))
                values = _logarithm(charge) if self.normalization == "log" else charge
                squares = squares + np.sum(values * values, axis=(0, 1, 2))
                pixels = pixels + np.count_nonzero(values, axis=(0, 1, 2))
        if not np.isfinite(squares).all():
            raise UserError(Problem("an image of the training split has a value that is not finite", ("dataset",)))
        if not np.all(pixels):
            raise UserError(Problem("no image of the training split has charge", ("dataset",)))
        self.scale = np.atleast_1d(np.sqrt(squares / pixels)).tolist()  # the root mean square of pixels with charge

    def build(self, shape: Any) -> None:
        """Raise the error for ticks that are no multiple of r here, where Keras adds no text of its own."""
        self._shape(shape)
        super().build(shape)

    def call(self, images: Any) -> Any:
        """Return the scaled images, (N, H, W, P)."""
        charge = _with_planes(self._sum_ticks(keras.ops.cast(images, "float32")))
        if self.normalization == "per_image":
            largest = keras.ops.max(charge, axis=(1, 2), keepdims=True)
            return charge / keras.ops.where(largest > 0, largest, 1.0)
        scale = np.asarray([1.0] if self.scale is None else self.scale, np.float32)
        if self.normalization == "asinh":
            return keras.ops.arcsinh(charge / scale)
        return (_logarithm(charge) if self.normalization == "log" else charge) / scale

    def _sum_ticks(self, images: Any) -> Any:
        """Return images (N, H, W, ...) with `sum_ticks` of them in one."""
        if self.sum_ticks == 1:
            return images
        axis = AXES[self.ticks]
        shape = self._shape(images.shape)
        split = (-1, *shape[1:axis], shape[axis], self.sum_ticks, *shape[axis + 1 :])
        ops = module_of(images)
        return ops.sum(ops.reshape(images, split), axis=axis + 1)

    def _shape(self, shape: Sequence[Any]) -> list[Any]:
        """Return the shape of the images with their ticks summed."""
        axis, summed = AXES[self.ticks], list(shape)
        if summed[axis] % self.sum_ticks:
            divisors = [str(r) for r in range(1, summed[axis] + 1) if summed[axis] % r == 0]
            what = f"the {summed[axis]} ticks of an image cannot be summed in groups of {self.sum_ticks}"
            expected = f"one of {', '.join(divisors)}"
            raise UserError(Problem(what, ("dataset", "sum_ticks"), expected=expected, received=self.sum_ticks))
        summed[axis] //= self.sum_ticks
        return summed

    def compute_output_shape(self, shape: Any) -> tuple[int | None, ...]:
        """Return (N, H, W, P)."""
        summed = self._shape(shape)
        return tuple(summed if len(summed) == 4 else [*summed, 1])


def _with_planes(images: Any) -> Any:
    return images if len(images.shape) == 4 else images[..., None]


def _logarithm(charge: Any) -> Any:
    """Return ln(1 + max(a, 0)); not by log1p, which has no operation in ONNX and no use for counts."""
    ops = module_of(charge)
    return ops.log(1.0 + ops.maximum(charge, 0.0))
