"""Baselines: predictions that need no network, fitted on the same training events.

A baseline is called as `fit(train, validation, targets)`. The mappings hold the input columns under their own names and
the truth under `true_<target>` (as in predictions.csv), each an array (N,) in physical units. It returns a `Baseline`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metrics import BASELINES

Columns = Mapping[str, NDArray[np.floating[Any]]]
Predicted = dict[str, NDArray[np.float64]]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline: called with input columns (N,), it returns `{target: array (N,)}`."""

    description: str
    predict: Callable[[Columns], Predicted]

    def __call__(self, columns: Columns) -> Predicted:
        """Predict from input columns."""
        return self.predict(columns)


def applicable(columns: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Return the baselines that know these inputs and targets; the mean only where nothing better applies."""
    known = [b for b in BASELINES if set(b.facts.get("inputs", ())) <= set(columns)]
    known = [b for b in known if set(targets) <= set(b.facts.get("targets", targets))]
    special = [b.name for b in known if b.facts.get("inputs")]
    return special or [b.name for b in known]


def fit(
    train: Columns, validation: Columns, targets: Sequence[str], names: Sequence[str] | None = None
) -> dict[str, Baseline]:
    """Fit the named baselines, or all that apply, and return them by name."""
    inputs = [name for name in train if not name.startswith("true_")]
    fitted: dict[str, Any] = {}
    for name in applicable(inputs, targets) if names is None else names:
        fitted[name] = BASELINES.parse(name).build(train, validation, targets)
        log.info("baseline %s: %s", name, fitted[name].description)
    return fitted
