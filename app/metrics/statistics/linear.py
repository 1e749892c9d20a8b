"""Straight lines through sums and means of the light: least squares with an intercept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.metrics.baselines import Baseline, Columns, Predicted


def linear_fit(train: Columns, inputs: Sequence[str], targets: Sequence[str]) -> Baseline:
    """Return every target as a + b . inputs, fitted on the training events whose inputs are finite.

    An event without them, e.g. one in which no sensor has seen enough light for a time, gets the mean of the others.

    Raises:
        WirechamberError: there is no training event with these inputs.
    """
    values = _stacked(train, inputs)
    usable = np.isfinite(values).all(axis=1)
    if not usable.any():
        raise WirechamberError(f"no training events with {', '.join(inputs)}")
    centre, spread = values[usable].mean(axis=0), values[usable].std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)  # an input that never changes says nothing
    scaled = (values[usable] - centre) / spread
    truth = np.stack([np.asarray(train[f"true_{target}"], np.float64)[usable] for target in targets], axis=1)
    mean = truth.mean(axis=0)
    slopes = np.linalg.lstsq(scaled, truth - mean, rcond=None)[0]

    def predict(columns: Columns) -> Predicted:
        found = _stacked(columns, inputs)
        found = np.where(np.isfinite(found).all(axis=1, keepdims=True), (found - centre) / spread, 0.0)
        return dict(zip(targets, (mean + found @ slopes).T, strict=True))

    return Baseline(f"linear fit to {', '.join(inputs)}", predict)


def _stacked(columns: Columns, names: Sequence[str]) -> NDArray[np.float64]:
    return np.stack([np.asarray(columns[name], np.float64) for name in names], axis=1)
