"""The weights of the job, as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from losses.balancing import BALANCINGS


@BALANCINGS("fixed")
def fixed(objective: Any, weights: Mapping[str, float]) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    """total = sum_i weight_i loss_i.

    Args:
        objective: not used.
        weights: of the terms.
    """
    return lambda losses, epoch: {name: weights[name] * loss for name, loss in losses.items()}
