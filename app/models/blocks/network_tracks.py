"""Tracks whose network sees zeta: derivatives by tf.GradientTape or by a tangent carried along. Imported with Keras."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from app.core.libraries import tf
from app.layers.saving import saved
from app.models.blocks.track_heads import Kick, TrackHead, unstack_components


@saved
class NetworkPath(TrackHead):
    """K(zeta) = zeta (mean + std Net(features, zeta)), or with a soft start zeta mean + std Net(features, zeta).

    Args:
        mean: of the kick at zeta = 1, for x, y, tx, ty.
        std: its standard deviation.
        hidden: sizes of the hidden layers.
        activation: after each hidden layer.
        derivative: how dK/dzeta is computed; both give the same numbers, "forward" in one pass, "gradient_tape" in one
            forward and four reverse passes.
        hard: K(0) = 0 by construction.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        hidden: Sequence[int],
        activation: str,
        derivative: Literal["forward", "gradient_tape"],
        hard: bool,
        **options: Any,
    ) -> None:
        super().__init__(mean, std, **options)
        self.settings = {"hidden": list(hidden), "activation": activation, "derivative": derivative, "hard": hard}
        self.activation, self.hard = WITH_DERIVATIVE[activation], hard
        self.derivative = self._forward if derivative == "forward" else self._gradient_tape
        sizes = [*hidden, 4]
        self.dense = [keras.layers.Dense(n, name=f"hidden_{i}", dtype="float32") for i, n in enumerate(sizes, 1)]

    def build(self, shapes: Any) -> None:
        """Make the weights; the first layer sees the features and 2 zeta - 1."""
        size = shapes["features"][-1] + 1
        for layer in self.dense:
            layer.build((None, size))
            size = layer.units
        self.built = True

    def call(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Return the standardised kick at zeta = 1 and the features themselves."""
        features, kernel = tensors["features"], self.dense[0].kernel
        first = features @ kernel[:-1] + kernel[-1] + self.dense[0].bias  # 2 zeta - 1 = 1 at the end
        return {"end": self._network(first), "code": features}

    def _network(self, z: Any) -> Any:
        for layer in self.dense[1:]:
            z = layer(self.activation(z)[0])
        return z

    def kick(self, code: Any, dz: Any, zeta: Any) -> tuple[Kick, Kick]:
        """Return K and dK/dzeta at zeta (P,)."""
        net, change = self.derivative(code, zeta)
        zeta = zeta[:, None]
        if not self.hard:
            return unstack_components(zeta * self.mean + self.std * net), unstack_components(
                self.mean + self.std * change
            )
        kick = self.mean + self.std * net
        return unstack_components(zeta * kick), unstack_components(kick + zeta * self.std * change)

    def _forward(self, features: Any, zeta: Any) -> tuple[Any, Any]:
        """Return Net and dNet/dzeta, (N, P, 4), by carrying the tangent through the layers."""
        z = self._points(features, zeta[:, None])
        tangent = 2.0 * self.dense[0].kernel[-1]
        for layer in self.dense[1:]:
            value, slope = self.activation(z)
            z, tangent = layer(value), (slope * tangent) @ layer.kernel
        shape = (-1, zeta.shape[0], 4)
        return keras.ops.reshape(z, shape), keras.ops.reshape(tangent, shape)

    def _points(self, features: Any, zeta: Any) -> Any:
        """Return the first layer's sums of all tracks and points as rows (N P, H): one product of two matrices."""
        kernel, bias = self.dense[0].kernel, self.dense[0].bias
        tracks = features @ kernel[:-1] + bias
        return keras.ops.reshape(tracks[:, None, :] + (2.0 * zeta - 1.0) * kernel[-1], (-1, kernel.shape[-1]))

    def _gradient_tape(self, features: Any, zeta: Any) -> tuple[Any, Any]:
        """Return Net and dNet/dzeta, (N, P, 4), by one reverse pass for each of the four components."""
        zeta = tf.broadcast_to(zeta, (tf.shape(features)[0], tf.shape(zeta)[0]))
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(zeta)
            net = self._network(self._points(features, zeta[..., None]))
            parts = unstack_components(net)
        change = tf.stack([tape.gradient(part, zeta) for part in parts], axis=-1)
        return tf.reshape(net, tf.shape(change)), change


def tanh(z: Any) -> tuple[Any, Any]:
    """Return tanh z and its derivative 1 - tanh^2 z."""
    value = keras.ops.tanh(z)
    return value, 1.0 - value * value


def gelu(z: Any) -> tuple[Any, Any]:
    """Return z Phi(z) and its derivative Phi(z) + z phi(z), with the normal distribution Phi and its density phi."""
    below = 0.5 * (1.0 + keras.ops.erf(z * math.sqrt(0.5)))
    density = keras.ops.exp(-0.5 * z * z) * (1.0 / math.sqrt(2.0 * math.pi))
    return z * below, below + z * density


def silu(z: Any) -> tuple[Any, Any]:
    """Return z s(z) and its derivative s (1 + z (1 - s)), with s the sigmoid of z."""
    gate = keras.ops.sigmoid(z)
    return z * gate, gate * (1.0 + z * (1.0 - gate))


def relu(z: Any) -> tuple[Any, Any]:
    """Return max(z, 0) and its derivative, 0 at z = 0."""
    positive = keras.ops.cast(z > 0, z.dtype)
    return z * positive, positive


def elu(z: Any) -> tuple[Any, Any]:
    """Return z for z > 0, else exp(z) - 1, and its derivative, 1 or exp(z)."""
    below = keras.ops.exp(keras.ops.minimum(z, 0.0))
    return keras.ops.where(z > 0, z, below - 1.0), below


def softplus(z: Any) -> tuple[Any, Any]:
    """Return log(1 + exp z) and its derivative, the sigmoid of z."""
    return keras.ops.softplus(z), keras.ops.sigmoid(z)


def sigmoid(z: Any) -> tuple[Any, Any]:
    """Return s = 1 / (1 + exp(-z)) and its derivative s (1 - s)."""
    value = keras.ops.sigmoid(z)
    return value, value * (1.0 - value)


WITH_DERIVATIVE: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "tanh": tanh,
    "gelu": gelu,
    "silu": silu,
    "relu": relu,
    "elu": elu,
    "softplus": softplus,
    "sigmoid": sigmoid,
}
"""The functions that return activation(z) and its derivative, by the name of the activation in Keras."""
