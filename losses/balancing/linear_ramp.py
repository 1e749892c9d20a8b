"""The leading term first, the others later."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.core.libraries import keras
from losses.balancing import BALANCINGS, Balance


@BALANCINGS("linear_ramp")
def linear_ramp(
    objective: Any, weights: Mapping[str, float], *, epochs: Annotated[float, Field(gt=0)] = 20.0
) -> Balance:
    """total = weight_1 loss_1 + min(1, epoch / epochs) sum_(i > 1) weight_i loss_i.

    Args:
        objective: not used.
        weights: of the terms; the first is that of the leading task.
        epochs: until the other terms have their full weight.
    """
    leading = next(iter(weights))

    def ramped(epoch: Any) -> dict[str, Any]:
        share = keras.ops.minimum(epoch / epochs, 1.0)
        return {n: (weight if n == leading else weight * share, 0.0) for n, weight in weights.items()}

    return ramped
