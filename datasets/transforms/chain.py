"""Transforms applied one after the other, and the mirror symmetry that may stand around them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.core.errors import Place, Problem, UserError
from app.core.libraries import keras
from app.physics.arrays import module_of
from app.physics.magnet import Magnet
from datasets.transforms import Columns, Tensor, Transform
from datasets.transforms.scaling import Inverse, Standardize

HORIZONTAL, VERTICAL = ("x", "tx", "qop"), ("y", "ty")


@dataclass(frozen=True)
class Mirror:
    """Folds (x, tx, q) -> -(x, tx, q) by the sign of q/p and (y, ty) -> -(y, ty) by the sign of ty, or of y at ty = 0.

    A network behind the mirror sees a quarter of the phase space, and what it gives is symmetric by construction. It is
    right for a field with By even and Bx odd in x, and By even, Bx and Bz odd in y.
    """

    def signs(self, columns: Columns) -> dict[str, Tensor]:
        """Return +1 or -1 (N,) by column name; targets carry the names of their start columns."""
        qop, y, ty = columns["qop"], columns["y"], columns["ty"]
        xp = module_of(qop)
        one = xp.ones_like(qop)  # in the precision of the columns
        horizontal = xp.where(qop < 0, -one, one)
        vertical = xp.where((ty < 0) | ((ty == 0) & (y < 0)), -one, one)
        return dict.fromkeys(HORIZONTAL, horizontal) | dict.fromkeys(VERTICAL, vertical)

    def fold(self, columns: Columns) -> dict[str, Tensor]:
        """Return the columns of the mirrored tracks."""
        signs = self.signs(columns)
        return {name: value * signs[name] if name in signs else value for name, value in columns.items()}

    def targets(self, names: Sequence[str], values: Tensor, columns: Columns) -> Tensor:
        """Return targets (N, names) of the mirrored tracks, or back: the operation is its own inverse."""
        signs = self.signs(columns)
        return values * module_of(columns["qop"]).stack([signs[name] for name in names], axis=-1)


def check_mirror(
    magnet: Magnet | None, columns: Sequence[str], targets: Sequence[str], where: Place = ("model", "inputs", "mirror")
) -> None:
    """Refuse the mirror, asked for at `where` in the job, when the data have no such symmetry."""
    for name in ("x", "y", "tx", "ty", "qop"):
        if name not in columns:
            raise UserError(Problem(f"no input column {name!r} to mirror", where, expected="track states"))
    for target in targets:
        if target not in (*HORIZONTAL, *VERTICAL):
            raise UserError(Problem(f"the target {target!r} has no mirror image", where, expected="x, y, tx, ty"))
    if magnet is None:
        expected = "'field' in the dataset, or data of 'simulate'"
        raise UserError(Problem("the field of the data is not known", where, expected=expected, received=True))
    symmetry = magnet.field.symmetry
    for axis, holds in (("x", symmetry.mirror_x), ("y", symmetry.mirror_y)):
        if not holds:
            what = f"the field {magnet.field_json['name']!r} is not symmetric in {axis}"
            raise UserError(Problem(what, where, expected="false, or a field with By even in x and y", received=True))


class Chain:
    """Transforms applied one after the other to the targets of one task.

    Args:
        steps: the transforms.
        targets: names of the targets.
        mirror: stands around all steps when given: they see mirrored tracks only.
    """

    def __init__(self, steps: Sequence[Transform], targets: Sequence[str] = (), mirror: Mirror | None = None) -> None:
        self.steps, self.targets, self.mirror = tuple(steps), tuple(targets), mirror

    @property
    def needs(self) -> tuple[str, ...]:
        """Input columns that any step reads."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.needs))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns that come out of `forward`."""
        names = self.targets
        for step in self.steps:
            names = step.outputs(names)
        return names

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Physical target to network output."""
        if self.mirror:
            target, inputs = self.mirror.targets(self.targets, target, inputs), self.mirror.fold(inputs)
        for step in self.steps:
            target = step.forward(target, inputs)
        return target

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Network output to physical target."""
        folded = self.mirror.fold(inputs) if self.mirror else inputs
        for step in reversed(self.steps):
            output = step.inverse(output, folded)
        return self.mirror.targets(self.targets, output, inputs) if self.mirror else output

    def weight(self, inputs: Columns) -> Tensor | None:
        """Return the product of the steps' weights, or None when all are 1."""
        inputs = self.mirror.fold(inputs) if self.mirror else inputs
        weights = [w for w in (step.weight(inputs) for step in self.steps) if w is not None]
        return None if not weights else weights[0] if len(weights) == 1 else keras.ops.prod(keras.ops.stack(weights), 0)

    def fit(self, blocks: Iterable[tuple[Tensor, Columns]]) -> None:
        """Let each step that has constants find them on `blocks` of (targets, inputs), after the steps before it.

        Raises:
            UserError: targets outside the domain of a step, e.g. the logarithm of 0.
        """
        for position, step in enumerate(self.steps):
            if isinstance(step, Standardize | Inverse):
                before = Chain(self.steps[:position], self.targets, self.mirror)
                step.fit(before._forward_finite(blocks), before._rounding(blocks))
        if self.steps and not isinstance(self.steps[-1], Standardize):
            for _ in self._forward_finite(blocks):
                pass

    def _rounding(self, blocks: Iterable[tuple[Tensor, Columns]]) -> Any:
        """Return the root mean square (targets,) of what the first step's float32 leaves undecided; 0 where nothing."""
        if len(self.steps) != 1:
            return 0.0
        found = [self.steps[0].rounding(target, inputs) for target, inputs in blocks]
        known = [np.asarray(values, np.float64) for values in found if values is not None]
        return np.sqrt(np.mean(np.concatenate(known) ** 2, axis=0)) if known else 0.0

    def _forward_finite(self, blocks: Iterable[tuple[Tensor, Columns]]) -> Iterator[np.ndarray[Any, Any]]:
        for target, inputs in blocks:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                values = np.asarray(self.forward(target, inputs))
            bad = np.flatnonzero(~np.isfinite(values).all(axis=-1))
            if len(bad):
                names = ", ".join(type(step).__name__ for step in self.steps) or "the target itself"
                what = f"{names}: not finite for {len(bad)} of {len(values)} events"
                known = dict.fromkeys(step.domain for step in self.steps if step.domain)
                expected = "; ".join(known) or "targets in the domain of the transform"
                raise UserError(
                    Problem(what, ("transform",), expected=expected, received=np.asarray(target)[bad[0]].tolist())
                )
            yield values
