"""Balancings: how the terms of a loss are added up.

A balancing is called as `name(objective, weights, *, ...)` when the objective is made: `objective` makes variables
(`add_weight`), `weights` are the job's weights of the terms by name, the leading term first. It returns a function of
the epoch that gives {term: (weight, offset)}: a training step adds weight * loss + offset of each of these terms, or a
share of it for a term in its warm-up. Runs are always judged with the job's own weights.
"""

from collections.abc import Callable
from typing import Any

from app.core.catalog import Catalog

Balance = Callable[[Any], dict[str, tuple[Any, Any]]]
BALANCINGS = Catalog[Balance]("balancing", "losses.balancing")
