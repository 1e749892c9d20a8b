"""The residual y_pred - y_true, with the shapes checked and in a precision that can be squared."""

from __future__ import annotations

from typing import Any

import lazy_loader

keras = lazy_loader.load("keras")


def residual(y_true: Any, y_pred: Any) -> Any:
    """Return y_pred - y_true in float32 or better.

    Half precision ends at 65504, the square of a residual of 256: under mixed precision a loss is computed in float32.

    Args:
        y_true: targets, (N, T).
        y_pred: predictions, (N, T).

    Returns:
        Residuals, (N, T), float32 (float64 when an argument is).

    Raises:
        ValueError: the shapes differ or are not (N, T); nothing is broadcast.
    """
    y_true, y_pred = keras.ops.convert_to_tensor(y_true), keras.ops.convert_to_tensor(y_pred)
    require_equal_shapes(tuple(y_true.shape), tuple(y_pred.shape))
    dtype = keras.backend.result_type(y_true.dtype, y_pred.dtype, "float32")
    return keras.ops.cast(y_pred, dtype) - keras.ops.cast(y_true, dtype)


def require_equal_shapes(true: tuple[int | None, ...], predicted: tuple[int | None, ...]) -> None:
    """Raise ValueError unless both shapes are (N, T) and agree; an unknown extent (None) agrees with any."""
    if len(true) == len(predicted) == 2 and all(map(_agree, true, predicted)):
        return
    raise ValueError(f"y_true and y_pred must have equal shapes (N, T): y_true is {true}, y_pred is {predicted}")


def _agree(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b
