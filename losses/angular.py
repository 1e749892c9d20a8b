"""Losses of the angle between two directions, with a gradient that is finite everywhere.

The angle is 2 atan2(|a - b|, |a + b|) of the unit vectors a and b. An arccos of their product has an infinite gradient
at both ends, which makes an accurate network end in NaN.
"""

from typing import Any

import numpy as np

from app.core.libraries import keras
from app.core.types import Fraction, NonNegative
from losses import LOSSES
from losses.direction import direction, directions, vectors


@LOSSES("angular", physical=True, transform=("unit_vector",), example=directions)
def angular(y_true: Any, y_pred: Any) -> Any:
    """The angle between prediction and truth [rad], from 0 to pi.

    L = 2 atan2(|a - b|, |a + b|). Its mean is the usual figure for pointing, and its minimum is the spherical median:
    events with head and tail exchanged pull with the same force as all others. The gradient does not shrink near the
    minimum, so that the last digits need a decaying learning rate.

    Args:
        y_true: components of the direction, (N, D).
        y_pred: the same, (N, D).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, D); UserError: D is 1.
    """
    return _angle(*vectors(y_true, y_pred))


@LOSSES("focal_angular", physical=True, transform=("unit_vector",), example=directions)
def focal_angular(y_true: Any, y_pred: Any, *, gamma: NonNegative = 1.0) -> Any:
    """The angle, weighted by its own size, so that directions that are nearly right hardly count.

    L = angle (angle / pi)^gamma; gamma = 0 is `angular`. It lowers the tail of large angles at the cost of the core.
    Where these are head-tail confusions that no feature of the event resolves, it loses accuracy in the other events
    without a gain.

    Args:
        y_true: components of the direction, (N, D).
        y_pred: the same, (N, D).
        gamma: how strongly small angles are suppressed.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, D); UserError: D is 1.

    References:
        T.-Y. Lin et al., Focal loss for dense object detection, arXiv:1708.02002, whose weight this is with the angle
        in place of the probability.
    """
    angle = _angle(*vectors(y_true, y_pred))
    positive = keras.ops.maximum(angle, 1e-6)  # the derivative of 0^gamma is infinite below gamma = 1
    return angle * keras.ops.power(positive / np.pi, gamma)


@LOSSES("hybrid", physical=True, transform=("unit_vector",), example=directions)
def hybrid(y_true: Any, y_pred: Any, *, alpha: Fraction = 0.5) -> Any:
    """A mixture of the angle and of one minus its cosine.

    L = alpha angle + (1 - alpha) (1 - cos angle). The cosine has the better gradient for directions that are nearly
    right, which shrinks with the angle; the angle pulls those beyond 90 degrees, where that of the cosine shrinks too.

    Args:
        y_true: components of the direction, (N, D).
        y_pred: the same, (N, D).
        alpha: share of the angle.

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, D); UserError: D is 1.
    """
    true, predicted = vectors(y_true, y_pred)
    (a, lost_a), (b, lost_b) = direction(true), direction(predicted)
    cosine = (keras.ops.sum(keras.ops.square(a - b), axis=-1) + lost_a + lost_b) / 2
    return alpha * _angle(true, predicted) + (1 - alpha) * cosine


def _angle(y_true: Any, y_pred: Any) -> Any:
    """Return the angle (N,); a vector too short for a direction counts as one at 90 degrees."""
    (a, lost_a), (b, lost_b) = direction(y_true), direction(y_pred)
    # The missing lengths make the two chords equal where there is no direction: 2 atan2(1, 1) = 90 degrees.
    return 2 * keras.ops.arctan2(_chord(a - b, lost_a + lost_b), _chord(a + b, lost_a + lost_b))


def _chord(difference: Any, lost: Any) -> Any:
    """Return sqrt(|difference|^2 + lost); its gradient at 0 is 0."""
    square = keras.ops.sum(keras.ops.square(difference), axis=-1) + lost
    zero = square <= 0
    return keras.ops.where(zero, 0.0, keras.ops.sqrt(keras.ops.where(zero, 1.0, square)))
