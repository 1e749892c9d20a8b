"""Transforms of single numbers: standardize, log, inverse."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from app.core.libraries import keras
from app.physics.magnet import Magnet
from datasets.pipeline.moments import mean_and_std
from datasets.transforms import TRANSFORMS, Columns, Tensor, Transform

ROUNDINGS = 300.0
"""The least standard deviation, in units of the rounding of the target."""


class Standardize(Transform):
    """Mean 0 and standard deviation 1 per target, on the training split."""

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return (target - mean) / std."""
        return (target - self._constant("mean")) / self._constant("std")

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return output * std + mean."""
        return output * self._constant("std") + self._constant("mean")

    def fit(self, blocks: Iterable[np.ndarray[Any, Any]], rounding: Any = 0.0) -> None:
        """Find mean and standard deviation over blocks (n, targets).

        A target that is nothing but rounding (`rounding`, (targets,)) would become noise of size 1 that the network
        tries to learn: its standard deviation is kept well above.
        """
        mean, std = mean_and_std(blocks)
        std = np.hypot(std, ROUNDINGS * rounding)
        self.constants = {"mean": mean.tolist(), "std": std.tolist()}

    def _constant(self, name: str) -> Any:
        return np.asarray(self.constants[name], np.float32)


class Log(Transform):
    """Natural logarithm, for positive targets over decades, e.g. energies."""

    domain = "targets above 0"

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return log(target)."""
        return keras.ops.log(target)

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return exp(output)."""
        return keras.ops.exp(output)


class Inverse(Transform):
    """1/target, e.g. the curvature 1/pT, in which a tracker's resolution is nearly Gaussian.

    Of a target that has one sign in training predictions have it too: 1/pT of 0 and less is taken as the floor. Where
    both occur, as of q/pT, each prediction stays on its own side of 0.

    Args:
        floor: outputs nearer to 0 are moved to it, so that a prediction stays finite.
    """

    domain = "targets other than 0"

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return 1 / target."""
        return 1.0 / target

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return 1 / output, the output kept away from 0 on the side of the target."""
        sign = np.asarray(self.constants.get("sign", 0.0), np.float32)
        side = keras.ops.where(sign * keras.ops.ones_like(output) == 0, keras.ops.where(output < 0, -1.0, 1.0), sign)
        return side / keras.ops.maximum(side * output, self.floor)

    def fit(self, blocks: Iterable[np.ndarray[Any, Any]], rounding: Any = 0.0) -> None:
        """Find the sign of each target over blocks (n, targets): 1, -1, or 0 where both occur."""
        ends = [(block.min(axis=0), block.max(axis=0)) for block in blocks if len(block)]
        low, high = np.min([end[0] for end in ends], axis=0), np.max([end[1] for end in ends], axis=0)
        self.constants = {"sign": np.where(low > 0, 1.0, np.where(high < 0, -1.0, 0.0)).tolist()}


@TRANSFORMS("standardize")
def standardize(targets: Sequence[str], magnet: Magnet | None) -> tuple[Transform, ...]:
    """(target - mean) / std with the training split's figures."""
    return (Standardize(),)


@TRANSFORMS("log")
def log(targets: Sequence[str], magnet: Magnet | None) -> tuple[Transform, ...]:
    """log(target); positive targets only."""
    return (Log(),)


@TRANSFORMS("inverse")
def inverse(targets: Sequence[str], magnet: Magnet | None, *, floor: float = 1e-4) -> tuple[Transform, ...]:
    """1 / target; `floor` is the smallest |1 / target| that a prediction may have."""
    return (Inverse(floor),)
