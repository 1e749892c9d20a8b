"""The multi-layer perceptron."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.core.types import Count, Shared
from app.models import MODELS

PRESETS = {"tiny": (64, 64), "small": (128, 128), "medium": (256, 256, 128), "wide": (512, 512, 256, 128)}
Activation = Literal["tanh", "gelu", "silu", "relu", "elu", "softplus", "sigmoid"]
Preset = Literal["tiny", "small", "medium", "wide"]


class HiddenLayers(Shared):
    """Dense layers one after the other.

    Attributes:
        preset: the sizes of the hidden layers by name.
        hidden: the sizes themselves, in place of the preset.
        activation: after each hidden layer.
    """

    preset: Preset = "medium"
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    activation: Activation = "gelu"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the layers, however they are given."""
        return self.hidden or PRESETS[self.preset]


@MODELS("mlp", light=True)
def mlp(
    inputs: Mapping[str, Any],
    *,
    layers: HiddenLayers,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> Any:
    """Dense layers over all inputs: h_i = activation(W_i h_(i-1) + b_i).

    The smooth activations (tanh, gelu, silu) suit physics: a track state is a smooth function of its start. With 6
    inputs and 4 outputs the presets have 4,868 (tiny), 17,924 (small), 100,996 (medium) and 430,980 (wide) parameters.

    Args:
        inputs: standardised input tensors (N, features) by name; they are concatenated.
        layers: sizes and activation of the hidden layers.
        dropout: share of activations dropped after each hidden layer while training.

    Returns:
        Features (N, last hidden size).
    """
    return dense(join_inputs(inputs), layers.sizes, layers.activation, dropout)


def join_inputs(inputs: Mapping[str, Any]) -> Any:
    """Return all inputs side by side, (N, features).

    Raises:
        UserError: an input is more than a row of numbers.
    """
    for name, tensor in inputs.items():
        if len(tensor.shape) != 2:
            what = f"the model takes rows of numbers, and an event of the input {name!r} is more than that"
            expected = "a model of images or sensors: 'plane_cnn', 'three_plane_cnn', 'calorimeter_encoder', 'flat_mlp'"
            raise UserError(Problem(what, ("model", "name"), expected=expected, received=tuple(tensor.shape[1:])))
    tensors = list(inputs.values())
    return tensors[0] if len(tensors) == 1 else keras.layers.Concatenate(name="inputs")(tensors)


def dense(features: Any, hidden: Sequence[int], activation: str, dropout: float = 0.0) -> Any:
    """Return the last hidden layer, (N, hidden[-1])."""
    for position, units in enumerate(hidden, start=1):
        features = keras.layers.Dense(units, activation=activation, name=f"hidden_{position}")(features)
        if dropout:
            features = keras.layers.Dropout(dropout, name=f"dropout_{position}")(features)
    return features
