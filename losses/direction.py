"""Losses of directions: only the angle between prediction and truth counts."""

from typing import Any

from app.core.errors import Problem, UserError
from app.core.libraries import keras
from losses import LOSSES
from losses._residual import in_float32, require_equal_shapes

SHORTEST = 1e-3
"""A vector shorter than this counts as a part of a direction, down to none at length 0."""


def directions(random: Any) -> tuple[Any, Any]:
    """Return examples of two directions, (6, 3) each."""
    return tuple(random.normal(size=(2, 6, 3)))


@LOSSES("cosine_similarity", physical=True, transform=("unit_vector",), example=directions)
def cosine_similarity(y_true: Any, y_pred: Any) -> Any:
    """One minus the cosine of the angle between prediction and truth: from 0 to 2, for any lengths.

    L = 1 - cos = |a - b|^2 / 2 of the unit vectors a and b: half the square of a small angle. In this form no digit is
    lost near 0, where 1 - cos in float32 ends at 0.02 degrees; and the angle itself, an arccos, has an infinite
    gradient at both ends. At the opposite direction the gradient is 0. Nothing fixes the length of the prediction:
    `unit_vector` makes it 1. A vector shorter than 1e-3 is taken as that part of a direction, so that a prediction of 0
    has the loss 1 and a gradient towards the truth. Not for standardised components, whose 0 is not that of the vector.

    Args:
        y_true: components of the direction, (N, D).
        y_pred: the same, (N, D).

    Returns:
        Loss per event, (N,).

    Raises:
        ValueError: the shapes differ or are not (N, D); UserError: D is 1.
    """
    (true, lost_true), (predicted, lost_predicted) = (direction(vector) for vector in vectors(y_true, y_pred))
    return (keras.ops.sum(keras.ops.square(predicted - true), axis=-1) + lost_true + lost_predicted) / 2


def vectors(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both in float32 or better; raises ValueError unless both are (N, D), UserError when D is 1."""
    y_true, y_pred = in_float32(y_true, y_pred)
    require_equal_shapes(tuple(y_true.shape), tuple(y_pred.shape))
    if y_pred.shape[-1] == 1:
        raise UserError(Problem("one number is not a direction", ("targets",), expected="two components at least"))
    return y_true, y_pred


def direction(vector: Any) -> tuple[Any, Any]:
    """Return the vector at length 1, (N, D), and 1 - |length|^2 where it was too short for that, else 0, (N,).

    It is first divided by its largest component, so that its square neither overflows nor vanishes. The direction does
    not depend on this scale, which therefore needs no gradient.
    """
    scale = keras.ops.maximum(keras.ops.max(keras.ops.abs(vector), axis=-1, keepdims=True), SHORTEST)
    scaled = vector / keras.ops.stop_gradient(scale)
    square = keras.ops.sum(keras.ops.square(scaled), axis=-1, keepdims=True)
    short = square < 1
    unit = scaled / keras.ops.sqrt(keras.ops.where(short, 1.0, square))
    return unit, keras.ops.where(short, 1.0 - square, 0.0)[:, 0]
