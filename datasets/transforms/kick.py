"""The effect of a magnet on a track: its deviation from an extrapolation that needs no network."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.physics.extrapolation import EXTRAPOLATIONS
from app.physics.lorentz import State
from app.physics.magnet import Magnet
from app.physics.momentum_slopes import to_momentum, to_slopes
from datasets.transforms import TRANSFORMS, Columns, Tensor, Transform
from datasets.transforms.scaling import Standardize

STATE = ("x", "y", "tx", "ty")


class Residual(Transform):
    """Track state minus an extrapolation of the start state.

    Args:
        targets: which of x, y [mm], tx, ty the task learns.
        baseline: the extrapolation; by default the straight line.
        magnet: the field, for a baseline that needs one.
        momentum_slopes: compare u = tx/N and v = ty/N in place of the slopes themselves.
    """

    needs: tuple[str, ...] = ("x", "y", "tx", "ty", "dz")

    def __init__(
        self,
        targets: Sequence[str],
        baseline: Spec[State] | None = None,
        magnet: Magnet | None = None,
        momentum_slopes: bool = False,
    ) -> None:
        super().__init__()
        baseline = baseline or EXTRAPOLATIONS.parse("straight_line")
        self.targets, self.baseline, self.magnet = tuple(targets), baseline, magnet
        self.momentum_slopes = momentum_slopes
        for target in self.targets:
            if target not in STATE:
                what = "no straight line for this target"
                raise UserError(Problem(what, ("transform",), expected="x, y, tx or ty", received=target))
        if momentum_slopes and not {"tx", "ty"} <= set(targets):
            what, received = "momentum slopes mix tx and ty, and the task does not learn both", list(targets)
            raise UserError(
                Problem(what, ("transform", "slopes"), expected="targets with tx and ty", received=received)
            )
        if baseline.component.facts.field:
            self.needs = tuple(dict.fromkeys((*self.needs, "qop", *_needs_of(magnet, baseline.name))))

    def base(self, inputs: Columns) -> Tensor:
        """Return the extrapolated state, (N, targets), in the coordinates that are learned."""
        x, y, tx, ty = self.baseline.build(self.magnet, inputs)
        state = dict(zip(STATE, (x, y, *(to_momentum(tx, ty) if self.momentum_slopes else (tx, ty))), strict=True))
        return keras.ops.stack([state[t] for t in self.targets], axis=-1)

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return target - base."""
        if self.momentum_slopes:
            target = self._slopes(target, to_momentum)
        return target - self.base(inputs)

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return base + output."""
        target = self.base(inputs) + output
        return self._slopes(target, to_slopes) if self.momentum_slopes else target

    def _slopes(self, target: Tensor, convert: object) -> Tensor:
        columns = {name: target[..., i] for i, name in enumerate(self.targets)}
        columns["tx"], columns["ty"] = convert(columns["tx"], columns["ty"])  # type: ignore[operator]
        return keras.ops.stack([columns[t] for t in self.targets], axis=-1)


class Kick(Residual):
    """The deviation from the baseline per q/p, which a magnet makes nearly constant: (state - base) / (q/p)."""

    needs = ("x", "y", "tx", "ty", "dz", "qop")

    def forward(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return (target - base) / (q/p)."""
        return super().forward(target, inputs) / inputs["qop"][..., None]

    def inverse(self, output: Tensor, inputs: Columns) -> Tensor:
        """Return base + (q/p) output."""
        return super().inverse(output * inputs["qop"][..., None], inputs)

    def rounding(self, target: Tensor, inputs: Columns) -> Tensor:
        """Return the last place of the state per q/p."""
        return keras.ops.abs(target / inputs["qop"][..., None]) * float(np.finfo(np.float32).eps)

    def weight(self, inputs: Columns) -> Tensor:
        """Return |q/p|, which gives the error of a bent track its physical size back."""
        return keras.ops.abs(inputs["qop"])


def _needs_of(magnet: Magnet | None, baseline: str) -> tuple[str, ...]:
    """Return the column that says where the tracks begin, when they do not all begin at one z."""
    if magnet is None:
        what = f"{baseline!r} needs the field of the data, which is not known"
        expected = "'field' in the dataset, or data of 'simulate'"
        raise UserError(Problem(what, ("transform", "baseline"), expected=expected))
    return ("z_start",) if magnet.z_start is None else ()


@TRANSFORMS("straight_line_residual")
def straight_line_residual(targets: Sequence[str], magnet: Magnet | None) -> tuple[Transform, ...]:
    """Track state minus the straight line, standardised."""
    return (Residual(targets), Standardize())


@TRANSFORMS("kick")
def kick(
    targets: Sequence[str],
    magnet: Magnet | None,
    *,
    baseline: EXTRAPOLATIONS.spec = "straight_line",
    slopes: Literal["plain", "momentum"] = "plain",
) -> tuple[Transform, ...]:
    """(track state - baseline) / (q/p), standardised; the loss is weighted back by |q/p|.

    Args:
        targets: which of x, y [mm], tx, ty the task learns.
        magnet: the field, for a baseline that needs one.
        baseline: straight_line, thin_lens or rk4 (one or two steps): what is not left to the network.
        slopes: compare tx and ty themselves, or px/p and py/p, in which the force is linear in q/p.
    """
    spec = EXTRAPOLATIONS.parse(baseline)
    return (Kick(targets, spec, magnet, slopes == "momentum"), Standardize())
