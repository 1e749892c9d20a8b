"""Directions of a track in liquid argon without a network: the axis of its charge, and no direction at all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.metrics import BASELINES
from app.metrics.baselines import Baseline, Columns, Predicted
from app.metrics.direction import COMPONENTS

AXIS = ("axis_x", "axis_y", "axis_z")


@BASELINES("principal_axis", inputs=AXIS, targets=COMPONENTS)
def principal_axis(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The principal axis of the charge in the images, with its head at the end that the data say, or at the other one.

    The axis of a short track is known to some 30 degrees. The skewness of the charge says which end is the head, but
    the sign of the skewness alone does not: photons leave charge far ahead of a track, and scattering makes it denser
    towards its end. In images of 16 wires of the simulation the longer tail lies behind the track in two of three
    events. So one bit is fitted: all axes are turned round when that is right for most of the training events.

    Args:
        train: axis_x, axis_y, axis_z, and truth under `true_direction_x`, `_y`, `_z`; (N,).
        validation: not used.
        targets: which of direction_x, direction_y, direction_z to give.

    Returns:
        The baseline; it reads axis_x, axis_y, axis_z. An event without an axis gets no direction, 0 in all components.
    """

    turned = bool(np.mean(np.sign(np.sum(_axis(train) * _truth(train), axis=-1))) < 0)

    def predict(columns: Columns) -> Predicted:
        return _select(-_axis(columns) if turned else _axis(columns), targets)

    return Baseline(f"principal axis of the charge{', turned round' * turned}", predict)


@BASELINES("principal_axis_true_sign", inputs=AXIS, targets=COMPONENTS, truth=True)
def principal_axis_true_sign(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """The principal axis of the charge with the sign taken from the truth: no measurement, but what the axis is worth.

    It gives the smallest angle that is possible with perfect knowledge of head and tail. Networks do not have this
    knowledge, so that they are not compared with it in the verdict of a run.

    Args:
        train: not used.
        validation: not used.
        targets: which of direction_x, direction_y, direction_z to give.

    Returns:
        The baseline; it reads axis_x, axis_y, axis_z and the truth `true_direction_x`, `_y`, `_z`.
    """

    def predict(columns: Columns) -> Predicted:
        axis = _axis(columns)
        turned = np.sum(axis * _truth(columns), axis=-1, keepdims=True) < 0
        return _select(np.where(turned, -axis, axis), targets)

    return Baseline("principal axis of the charge, SIGN FROM THE TRUTH", predict)


@BASELINES("isotropic", inputs=AXIS, targets=COMPONENTS, floor=True)
def isotropic(train: Columns, validation: Columns, targets: Sequence[str]) -> Baseline:
    """One fixed direction, z, for all events: 90 degrees from isotropic tracks in the mean and in the median.

    For tracks with a preferred direction it gives their angle to z. It applies to data with a known axis; where
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
        return _select(np.tile([0.0, 0.0, 1.0], (rows, 1)), targets)

    return Baseline("fixed direction, as good as an isotropic guess", predict)


def _axis(columns: Columns) -> NDArray[np.float64]:
    axis = np.stack([np.asarray(columns[name], np.float64) for name in AXIS], axis=-1)
    return np.where(np.isfinite(axis).all(axis=-1, keepdims=True), axis, 0.0)


def _truth(columns: Columns) -> NDArray[np.float64]:
    return np.stack([np.asarray(columns[f"true_{name}"], np.float64) for name in COMPONENTS], axis=-1)


def _select(direction: NDArray[np.float64], targets: Sequence[str]) -> Predicted:
    return {target: direction[:, COMPONENTS.index(target)] for target in targets}
