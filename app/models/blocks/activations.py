"""Activations and their derivatives, for tangents that are carried through the layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from app.core.libraries import keras


def _tanh(z: Any) -> tuple[Any, Any]:
    value = keras.ops.tanh(z)
    return value, 1.0 - value * value


def _gelu(z: Any) -> tuple[Any, Any]:
    below = 0.5 * (1.0 + keras.ops.erf(z * math.sqrt(0.5)))
    density = keras.ops.exp(-0.5 * z * z) * (1.0 / math.sqrt(2.0 * math.pi))
    return z * below, below + z * density


def _silu(z: Any) -> tuple[Any, Any]:
    gate = keras.ops.sigmoid(z)
    return z * gate, gate * (1.0 + z * (1.0 - gate))


def _relu(z: Any) -> tuple[Any, Any]:
    positive = keras.ops.cast(z > 0, z.dtype)
    return z * positive, positive


def _elu(z: Any) -> tuple[Any, Any]:
    below = keras.ops.exp(keras.ops.minimum(z, 0.0))
    return keras.ops.where(z > 0, z, below - 1.0), below


def _softplus(z: Any) -> tuple[Any, Any]:
    return keras.ops.softplus(z), keras.ops.sigmoid(z)


def _sigmoid(z: Any) -> tuple[Any, Any]:
    value = keras.ops.sigmoid(z)
    return value, value * (1.0 - value)


WITH_DERIVATIVE: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "tanh": _tanh,
    "gelu": _gelu,
    "silu": _silu,
    "relu": _relu,
    "elu": _elu,
    "softplus": _softplus,
    "sigmoid": _sigmoid,
}
"""activation(z) and its derivative, by the name that Keras gives the activation."""
