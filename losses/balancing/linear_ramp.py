"""The leading term first, the others later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import lazy_loader
from pydantic import Field

from losses.balancing import BALANCINGS

keras = lazy_loader.load("keras")


@BALANCINGS("linear_ramp")
def linear_ramp(
    objective: Any, weights: Mapping[str, float], *, epochs: Annotated[float, Field(gt=0)] = 20.0
) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    """total = weight_1 loss_1 + min(1, epoch / epochs) sum_(i > 1) weight_i loss_i.

    Args:
        objective: not used.
        weights: of the terms; the first is that of the leading task.
        epochs: until the other terms have their full weight.
    """
    leading = next(iter(weights))

    def ramped(losses: Mapping[str, Any], epoch: Any) -> dict[str, Any]:
        share = keras.ops.minimum(epoch / epochs, 1.0)
        return {n: weights[n] * loss * (1.0 if n == leading else share) for n, loss in losses.items()}

    return ramped
