"""Transforms: invertible changes of variables between a physical target and what the network learns.

Written once with keras.ops: the same code serves the loss, the evaluation and the exported graph. A job names one
transform or a list, applied from left to right; the inverse is applied before every metric, plot and file.

A component is called as `name(targets, magnet, *, ...)` with the names of the columns that the transform before it
gives, and returns the steps that it stands for; `magnet` is None for data without a magnetic field. The decorator may
state `example=`, a function of a NumPy generator that returns acceptable targets (50, 4) for the contract tests.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.core.catalog import Catalog
from app.core.types import Facts


class TransformFacts(Facts):
    """What a transform says of itself: what makes acceptable targets, None where any numbers are."""

    example: Callable[[Any], Any] | None = None


TRANSFORMS = Catalog["tuple[Transform, ...]", TransformFacts]("transform", "datasets.transforms", facts=TransformFacts)

Tensor = Any
Columns = Mapping[str, Tensor]


class Transform:
    """One step; `inputs` maps the names of the model's input columns to tensors (N,).

    Attributes:
        needs: input columns that the step reads.
        domain: which targets it can take there and back, in words.
        constants: figures found on the training split, saved with the model; empty when there are none.
    """

    needs: tuple[str, ...] = ()
    domain: str = ""
    constants: dict[str, list[float]]

    def __init__(self) -> None:
        self.constants = {}

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return what the network learns, (N, columns); not finite where the target lies outside of the domain."""
        raise NotImplementedError

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return the physical target of a network output (N, columns), (N, targets)."""
        raise NotImplementedError

    def outputs(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the columns that `forward` makes of columns with these names."""
        return tuple(names)

    def weight(self, inputs: Columns) -> Tensor | None:
        """Return a factor (N,) on the event's loss, or None for 1."""
        return None

    def rounding(self, target: Tensor, inputs: Columns) -> Tensor | None:
        """Return what the float32 of the target leaves undecided in `forward`, (N, targets), where that matters."""
        return None
