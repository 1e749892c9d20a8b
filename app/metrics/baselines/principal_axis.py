"""Directions of a track in liquid argon without a network: the axis of its charge, and no direction at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted
from app.metrics.direction import COMPONENTS

AXIS = ("axis_x", "axis_y", "axis_z")


@BASELINES("principal_axis", inputs=AXIS, targets=COMPONENTS)
def principal_axis(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The principal axis of the charge in the images, with the sign that the data give it, e.g. of its skewness.

    Nothing is fitted. The axis of a short track is known to some 30 degrees; which of its ends is the head the skewness
    of its charge hardly says, so about four in ten point backwards.

    Args:
        train: not used.
        validation: not used.
        targets: which of direction_x, direction_y, direction_z to give.

    Returns:
        The baseline; it reads axis_x, axis_y, axis_z. An event without an axis gets no direction, 0 in all components.
    """

    def predict(columns: Columns) -> Predicted:
        return _of(_axis(columns), targets)

    return Baseline("principal axis of the charge", predict)


@BASELINES("principal_axis_true_sign", inputs=AXIS, targets=COMPONENTS, truth=True)
def principal_axis_true_sign(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The principal axis of the charge with the sign taken from the truth: no measurement, but what the axis is worth.

    It says how far the angle can fall if head and tail were always known; it is left out of the verdict on a network,
    which does not know them.

    Args:
        train: not used.
        validation: not used.
        targets: which of direction_x, direction_y, direction_z to give.

    Returns:
        The baseline; it reads axis_x, axis_y, axis_z and the truth `true_direction_x`, `_y`, `_z`.
    """

    def predict(columns: Columns) -> Predicted:
        axis = _axis(columns)
        truth = np.stack([np.asarray(columns[f"true_{name}"], np.float64) for name in COMPONENTS], axis=-1)
        turned = np.sum(axis * truth, axis=-1, keepdims=True) < 0
        return _of(np.where(turned, -axis, axis), targets)

    return Baseline("principal axis of the charge, SIGN FROM THE TRUTH", predict)


@BASELINES("isotropic", inputs=AXIS, targets=COMPONENTS, floor=True)
def isotropic(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """One fixed direction, z, for all events: 90 degrees from isotropic tracks in the mean and in the median.

    Of tracks that favour a direction it says how far they are from z. It is for data of which an axis is known: where
    directions fill a small part of the sphere, their mean is the better floor.

    Args:
        train: not used.
        validation: not used.
        targets: which of direction_x, direction_y, direction_z to give.

    Returns:
        The baseline; it reads any one column for the number of rows.
    """

    def predict(columns: Columns) -> Predicted:
        rows = len(next(iter(columns.values())))
        return _of(np.tile([0.0, 0.0, 1.0], (rows, 1)), targets)

    return Baseline("fixed direction, as good as an isotropic guess", predict)


def _axis(columns: Columns) -> NDArray[np.float64]:
    axis = np.stack([np.asarray(columns[name], np.float64) for name in AXIS], axis=-1)
    return np.where(np.isfinite(axis).all(axis=-1, keepdims=True), axis, 0.0)


def _of(direction: NDArray[np.float64], targets: Sequence[str]) -> Predicted:
    return {target: direction[:, COMPONENTS.index(target)] for target in targets}
