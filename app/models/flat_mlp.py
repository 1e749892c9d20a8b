"""The baseline of the photon sensors: a multi-layer perceptron without their geometry."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.core.libraries import keras
from app.core.types import Count
from app.models import MODELS
from app.models.blocks.calorimeter import take_sensors
from app.models.mlp import Activation, dense

PRESETS = {"tiny": (32, 32), "small": (128, 64), "medium": (256, 128, 64)}


@MODELS("flat_mlp", sensors=True)
def flat_mlp(
    inputs: Mapping[str, Any],
    *,
    preset: Literal["tiny", "small", "medium"] = "small",
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None,
    activation: Activation = "gelu",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> Any:
    """Dense layers over the channels of all sensors, to see what a network learns without the geometry.

    Almost all parameters are in the first layer, 19,040 for each of its units. Without heads the presets have
    610,368 (tiny), 2,445,504 (small) and 4,915,648 (medium), and an event takes 1, 5 and 10 million floating-point
    operations.

    Args:
        inputs: input tensors by name, of which `sensors` (N, 4760, 4) counts: light, time, and their masks.
        preset: the sizes of the hidden layers by name.
        hidden: the sizes themselves, in place of the preset.
        activation: after each hidden layer.
        dropout: share of activations dropped after each hidden layer while training.

    Returns:
        Features (N, last hidden size).

    Raises:
        UserError: data of another kind.
    """
    flat = keras.layers.Flatten(name="flat")(take_sensors(inputs, "flat_mlp"))
    return dense(flat, hidden or PRESETS[preset], activation, dropout)
