"""What the networks of the calorimeter share: its sensors, a branch for each face, a transformer over their tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.models.blocks.convolution import apply_in_order
from app.physics.xenon_calorimeter import FACES, SENSORS, neighbours

MIRRORED = {"side": ("upstream", "downstream"), "end": ("top", "bottom")}
"""Faces that are mirror images of each other, sensor by sensor in the order in which they are numbered."""
ROUNDS = 2


def take_face(sensors: Any, name: str) -> Any:
    """Return the sensors of a face, (N, n, C), or (N, rows, columns, C) where it is a rectangular grid."""
    known = FACES[name]
    part = sensors[:, known.sensors]
    if len(known.shape) != 2:
        return part
    return keras.layers.Reshape((*known.shape, sensors.shape[-1]), name=name)(part)


def strided_maps(cells: Any, channels: Sequence[int], activation: str, name: str) -> list[Any]:
    """Return the maps after each of several 3 x 3 convolutions with stride 2."""
    maps = []
    for layer in _convolutions(channels, activation, name):
        cells = layer(cells)
        maps.append(cells)
    return maps


def patch_tokens(cells: Any, width: int, name: str) -> Any:
    """Return a token for each 2 x 2 cells of a map, (N, T, width)."""
    tokens = keras.layers.Conv2D(width, 2, strides=2, padding="same", name=f"{name}_patches")(cells)
    return keras.layers.Reshape((-1, width), name=f"{name}_tokens")(tokens)


def outer_token(sensors: Any, channels: Sequence[int], width: int, activation: str) -> Any:
    """Return the token of the outer face, (N, 1, width)."""
    return _Token(width, "outer")(strided_maps(take_face(sensors, "outer"), channels, activation, "outer")[-1])


def side_tokens(sensors: Any, channels: Sequence[int], width: int, activation: str) -> list[Any]:
    """Return the tokens of the upstream and downstream face, (N, 1, width) each, by the same weights."""
    layers, token = _convolutions(channels, activation, "side"), _Token(width, "side")
    return [token(apply_in_order(layers, take_face(sensors, name))) for name in MIRRORED["side"]]


def end_tokens(sensors: Any, units: int, width: int, activation: str) -> list[Any]:
    """Return the tokens of the top and bottom face, (N, 1, width) each, by the same weights."""
    layers, token = _aggregations("top", units, activation, "end"), _Token(width, "end")
    return [token(apply_in_order(layers, take_face(sensors, name))) for name in MIRRORED["end"]]


def centre_token(sensors: Any, units: int, width: int, activation: str) -> Any:
    """Return the token of the dense middle of the outer face, (N, 1, width)."""
    layers = _aggregations("outer_centre", units, activation, "centre")
    return _Token(width, "centre")(apply_in_order(layers, take_face(sensors, "outer_centre")))


class _Token:
    """All features of a face through one dense layer, which knows each sensor by its place."""

    def __init__(self, width: int, name: str) -> None:
        self.flat = keras.layers.Flatten(name=f"{name}_flat")
        self.dense = keras.layers.Dense(width, name=f"{name}_dense")
        self.token = keras.layers.Reshape((1, width), name=f"{name}_token")

    def __call__(self, features: Any) -> Any:
        return self.token(self.dense(self.flat(features)))


def _convolutions(channels: Sequence[int], activation: str, name: str) -> list[Any]:
    return [
        keras.layers.Conv2D(c, 3, strides=2, padding="same", activation=activation, name=f"{name}_map_{position}")
        for position, c in enumerate(channels, start=1)
    ]


def _aggregations(table: str, units: int, activation: str, name: str) -> list[Any]:
    from app.models.blocks.image_layers import NeighbourAggregation

    rows = neighbours(table).tolist()
    return [NeighbourAggregation(rows, units, activation, name=f"{name}_round_{n}") for n in range(1, ROUNDS + 1)]


INPUT = "sensors"
LIGHT, TIME, VALID_LIGHT, VALID_TIME = range(4)
"""Channels of the input layer `sensor_channels`."""


def take_sensors(inputs: Mapping[str, Any], model: str) -> Any:
    """Return the tensor of the sensors, (N, 4760, 4).

    Raises:
        UserError: the data are not those of the calorimeter's sensors.
    """
    tensor = inputs.get(INPUT)
    if tensor is None:
        what = f"{model!r} looks at photon sensors, which these data do not have"
        raise UserError(
            Problem(
                what, ("model", "name"), expected=f"an input {INPUT!r}, as of photon_sensors", received=list(inputs)
            )
        )
    if tuple(tensor.shape[1:]) != (SENSORS, VALID_TIME + 1):
        what = f"{model!r} looks at the calorimeter's sensors as the input layer 'sensor_channels' gives them"
        expected = f"an input {INPUT!r} of {SENSORS} sensors by {VALID_TIME + 1} channels"
        raise UserError(Problem(what, ("model", "name"), expected=expected, received=tuple(tensor.shape[1:])))
    return tensor


def transform_tokens(tokens: Any, blocks: int, heads: int, activation: str) -> Any:
    """Return tokens (N, T, D) after `blocks` of attention and two dense layers, each added to its input (pre-norm).

    The input of each step is normalised, its sum is not, so that gradients reach the first block undamped.

    References:
        R. Xiong et al., On layer normalization in the transformer architecture, arXiv:2002.04745.
    """
    width = tokens.shape[-1]
    for position in range(1, blocks + 1):
        name = f"block_{position}"
        normal = keras.layers.LayerNormalization(name=f"{name}_normal")(tokens)
        attention = keras.layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")
        tokens = keras.layers.Add(name=f"{name}_attended")([tokens, attention(normal, normal)])
        hidden = keras.layers.LayerNormalization(name=f"{name}_second_normal")(tokens)
        hidden = keras.layers.Dense(2 * width, activation, name=f"{name}_wide")(hidden)
        hidden = keras.layers.Dense(width, name=f"{name}_narrow")(hidden)
        tokens = keras.layers.Add(name=f"{name}_tokens")([tokens, hidden])
    return keras.layers.LayerNormalization(name="tokens_normal")(tokens)


def pool_tokens(tokens: Any, heads: int) -> Any:
    """Return `heads` weighted means of the tokens, (N, heads D): weights softmax over tokens of a_h . token + b_h.

    This is attention with a learned query for each head, which does not depend on the event.
    """
    scores = keras.layers.Dense(heads, dtype="float32", name="pool_scores")(tokens)
    weights = keras.layers.Softmax(axis=1, dtype="float32", name="pool_weights")(scores)
    means = keras.layers.Dot(axes=(1, 1), name="pool")([weights, tokens])
    return keras.layers.Flatten(name="pooled")(means)
