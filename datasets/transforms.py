"""Transforms: invertible changes of variables between a physical target and what the network learns.

Written once with keras.ops: the same code serves the loss, the evaluation and the exported graph. A job names one
transform or a list, applied from left to right; the inverse is applied before every metric, plot and file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import lazy_loader
import numpy as np

from app.core.catalog import Catalog
from app.core.errors import Problem, UserError
from datasets._moments import moments

keras = lazy_loader.load("keras")

TRANSFORMS = Catalog["tuple[Transform, ...]"]("transform", "datasets.transforms")

Tensor = Any
Columns = Mapping[str, Tensor]


class Transform:
    """One step; `inputs` maps the names of the model's input columns to tensors (N,).

    Attributes:
        needs: input columns that the step reads.
        constants: figures found on the training split, saved with the model; empty when there are none.
    """

    needs: tuple[str, ...] = ()
    constants: dict[str, list[float]]

    def __init__(self) -> None:
        self.constants = {}

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return what the network learns, (N, targets)."""
        raise NotImplementedError

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return the physical target of a network output, (N, targets)."""
        raise NotImplementedError

    def weight(self, inputs: Columns) -> Tensor | None:
        """Return a factor (N,) on the event's loss, or None for 1."""
        return None


class Standardize(Transform):
    """Mean 0 and standard deviation 1 per target, on the training split."""

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return (target - mean) / std."""
        return (target - self._constant("mean")) / self._constant("std")

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return output * std + mean."""
        return output * self._constant("std") + self._constant("mean")

    def fit(self, blocks: Iterable[np.ndarray[Any, Any]]) -> None:
        """Find mean and standard deviation over blocks (n, targets)."""
        mean, std = moments(blocks)
        self.constants = {"mean": mean.tolist(), "std": std.tolist()}

    def _constant(self, name: str) -> Any:
        return np.asarray(self.constants[name], np.float32)


class Log(Transform):
    """Natural logarithm, for positive targets over decades, e.g. energies."""

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return log(target)."""
        return keras.ops.log(target)

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return exp(output)."""
        return keras.ops.exp(output)


class Inverse(Transform):
    """1/target, e.g. the curvature 1/pT, in which a tracker's resolution is nearly Gaussian.

    Args:
        floor: outputs nearer to 0 are moved to it, so that a prediction stays finite.
    """

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return 1 / target."""
        return 1.0 / target

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return 1 / output, the output kept away from 0 on its own side."""
        small = keras.ops.abs(output) < self.floor
        return 1.0 / keras.ops.where(small, keras.ops.where(output < 0, -self.floor, self.floor), output)


class StraightLineResidual(Transform):
    """The deviation of a track state from the straight line: x - (x0 + tx0 dz), y likewise, tx - tx0, ty - ty0."""

    needs: tuple[str, ...] = ("x", "y", "tx", "ty", "dz")

    def __init__(self, targets: Sequence[str]) -> None:
        super().__init__()
        unknown = [t for t in targets if t not in ("x", "y", "tx", "ty")]
        if unknown:
            what = "no straight line for this target"
            raise UserError(Problem(what, ("transform",), expected="x, y, tx or ty", received=unknown[0]))
        self.targets = tuple(targets)

    def line(self, inputs: Columns) -> Tensor:
        """Return the straight line at z + dz, (N, targets)."""
        line = {
            "x": inputs["x"] + inputs["tx"] * inputs["dz"],
            "y": inputs["y"] + inputs["ty"] * inputs["dz"],
            "tx": inputs["tx"],
            "ty": inputs["ty"],
        }
        return keras.ops.stack([line[t] for t in self.targets], axis=-1)

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return target - line."""
        return target - self.line(inputs)

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return line + output."""
        return self.line(inputs) + output


class Kick(StraightLineResidual):
    """The deviation from the straight line per q/p, which a magnet makes nearly constant: (state - line) / (q/p)."""

    needs = ("x", "y", "tx", "ty", "dz", "qop")

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return (target - line) / (q/p)."""
        return super().forward(target, inputs) / inputs["qop"][..., None]

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return line + (q/p) output."""
        return super().inverse(output * inputs["qop"][..., None], inputs)

    def weight(self, inputs: Columns) -> Tensor:
        """Return |q/p|, which gives the error of a bent track its physical size back."""
        return keras.ops.abs(inputs["qop"])


@TRANSFORMS("standardize")
def standardize(targets: Sequence[str]) -> tuple[Transform, ...]:
    """(target - mean) / std with the training split's figures."""
    return (Standardize(),)


@TRANSFORMS("log")
def log(targets: Sequence[str]) -> tuple[Transform, ...]:
    """log(target); positive targets only."""
    return (Log(),)


@TRANSFORMS("inverse")
def inverse(targets: Sequence[str], *, floor: float = 1e-4) -> tuple[Transform, ...]:
    """1 / target; `floor` is the smallest |1 / target| that a prediction may have."""
    return (Inverse(floor),)


@TRANSFORMS("straight_line_residual")
def straight_line_residual(targets: Sequence[str]) -> tuple[Transform, ...]:
    """Track state minus the straight line, standardised."""
    return (StraightLineResidual(targets), Standardize())


@TRANSFORMS("kick")
def kick(targets: Sequence[str]) -> tuple[Transform, ...]:
    """(track state - straight line) / (q/p), standardised; the loss is weighted back by |q/p|."""
    return (Kick(targets), Standardize())


class Chain:
    """Transforms applied one after the other to the targets of one task."""

    def __init__(self, steps: Sequence[Transform]) -> None:
        self.steps = tuple(steps)

    @property
    def needs(self) -> tuple[str, ...]:
        """Input columns that any step reads."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.needs))

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Physical target to network output."""
        for step in self.steps:
            target = step.forward(target, inputs)
        return target

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Network output to physical target."""
        for step in reversed(self.steps):
            output = step.inverse(output, inputs)
        return output

    def weight(self, inputs: Columns) -> Tensor | None:
        """Return the product of the steps' weights, or None when all are 1."""
        weights = [w for w in (step.weight(inputs) for step in self.steps) if w is not None]
        return None if not weights else weights[0] if len(weights) == 1 else keras.ops.prod(keras.ops.stack(weights), 0)

    def fit(self, blocks: Iterable[tuple[Tensor, Columns]]) -> None:
        """Let each step that has constants find them on `blocks` of (targets, inputs), after the steps before it.

        Raises:
            UserError: targets outside the domain of a step, e.g. the logarithm of 0.
        """
        for position, step in enumerate(self.steps):
            if isinstance(step, Standardize):
                step.fit(Chain(self.steps[:position])._forward_finite(blocks))
        if self.steps and not isinstance(self.steps[-1], Standardize):
            for _ in self._forward_finite(blocks):
                pass

    def _forward_finite(self, blocks: Iterable[tuple[Tensor, Columns]]) -> Iterator[np.ndarray[Any, Any]]:
        for target, inputs in blocks:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                values = np.asarray(self.forward(target, inputs))
            bad = np.flatnonzero(~np.isfinite(values).all(axis=-1))
            if len(bad):
                names = ", ".join(type(step).__name__ for step in self.steps) or "the target itself"
                what = f"{names}: not finite for {len(bad)} of {len(values)} events"
                expected = "targets in the domain of the transform"
                raise UserError(Problem(what, ("transform",), None, expected, np.asarray(target)[bad[0]].tolist()))
            yield values
