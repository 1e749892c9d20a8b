"""The residual y_pred - y_true, with the shapes checked and in a precision that can be squared."""

from typing import Any

from app.core.libraries import keras


def residual(y_true: Any, y_pred: Any) -> Any:
    """Return y_pred - y_true in float32 or better.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).

    Returns:
        Residuals, (N, T), float32 (float64 when an argument is).

    Raises:
        ValueError: the shapes differ or are not (N, T); nothing is broadcast.
    """
    y_true, y_pred = in_float32(y_true, y_pred)
    require_equal_shapes(tuple(y_true.shape), tuple(y_pred.shape))
    return y_pred - y_true


def huber_function(r: Any, delta: float) -> Any:
    """Return Huber's function of residuals: r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) beyond.

    One expression covers both cases: the square of a large residual, which would overflow, never occurs, and the
    gradient is exactly min(|r|, delta) with the sign of r.
    """
    size = keras.ops.abs(r)
    core = keras.ops.minimum(size, delta)
    return core * (size - core / 2)


def in_float32(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both as tensors of one precision, float32 (float64 when one of them is).

    The largest number in half precision is 65504, the square of a residual of 256, so that also under mixed precision
    a loss is computed in float32.
    """
    y_true, y_pred = keras.ops.convert_to_tensor(y_true), keras.ops.convert_to_tensor(y_pred)
    dtype = keras.backend.result_type(y_true.dtype, y_pred.dtype, "float32")
    return keras.ops.cast(y_true, dtype), keras.ops.cast(y_pred, dtype)


def require_equal_shapes(true: tuple[int | None, ...], predicted: tuple[int | None, ...]) -> None:
    """Raise ValueError unless both shapes are (N, T) and agree; an unknown extent (None) agrees with any."""
    if agree(true, predicted):
        return
    raise ValueError(f"y_true and y_pred must have equal shapes (N, T): y_true is {true}, y_pred is {predicted}")


def agree(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    """Return whether both are the same shape with two axes, as far as their extents are known."""
    known = zip(one, other, strict=False)
    return len(one) == len(other) == 2 and all(a is None or b is None or a == b for a, b in known)
