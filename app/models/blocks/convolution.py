"""Branches of convolutions: layers that are made once and may be applied to several images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from app.core.libraries import keras
from app.core.types import Blocks, Count, Shared
from app.models.mlp import Activation, dense

Growth = Literal["constant", "linear", "exponential"]
Pooling = Literal["max", "average"]
GlobalPooling = Literal["average", "max", "both", "none"]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Stride = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
Layer = Callable[[Any], Any]
MOMENTUM = 0.9
"""The momentum of the moving averages. They begin at a variance of 1, far above that of nearly empty images, so that
with the 0.99 of Keras predictions are meaningless for the first thousand steps."""
SHARED = ("plane_u", "plane_v")
"""The induction planes, which are built alike and may share a branch."""


class Convolutions(Shared):
    """How many convolutions see the images.

    Attributes:
        conv_layers: convolutions, each followed by a pooling that halves the image.
        filters: of the first layer.
        kernel_size: of the convolutions.
    """

    conv_layers: Annotated[int, Field(ge=1, le=1000)] = 3
    filters: Count = 32
    kernel_size: Count = 5

    def grown(self, growth: Growth, more: int = 0) -> tuple[int, ...]:
        """Return the filters of each of `more` layers than these: f, f, f or f, 2f, 3f or f, 2f, 4f."""
        n = self.conv_layers + more
        factors = {"constant": [1] * n, "linear": range(1, n + 1), "exponential": [2**i for i in range(n)]}
        return tuple(self.filters * factor for factor in factors[growth])


class GrowingConvolutions(Convolutions):
    """Convolutions whose filters grow in the same way in every branch.

    Attributes:
        growth: how the filters grow with the layers: f, f, f ("constant"), f, 2f, 3f or f, 2f, 4f ("exponential").
    """

    growth: Growth = "exponential"

    @property
    def by_layer(self) -> tuple[int, ...]:
        """The filters of each layer."""
        return self.grown(self.growth)


class Layers(Shared):
    """The layers between the convolutions, and those that turn their maps into features.

    Attributes:
        pooling: the pooling that halves the image.
        global_pooling: the features from the last maps: mean or maximum of each over the image, both, or with "none"
            every pixel, which keeps places but needs weights and memory in proportion.
        batch_norm: normalise between convolution and activation, in predictions with the moving averages of training.
        dense_layers: number of dense layers after the pooling; with 0 the heads follow directly.
        dense_units: of each dense layer.
        dropout: share of activations dropped after each dense layer while training.
        activation: of all layers.
    """

    pooling: Pooling = "max"
    global_pooling: GlobalPooling = "average"
    batch_norm: bool = True
    dense_layers: Blocks = 2
    dense_units: Count = 512
    dropout: Dropout = 0.3
    activation: Activation = "relu"


@dataclass(frozen=True)
class Branch:
    """The settings that the layers of a branch share; `make` makes the branch.

    Attributes:
        kernel_size: of all convolutions.
        layers: their pooling, normalisation and activation.
        stride: of the first convolution.
        residual: use two convolutions and a shortcut around them in place of one.
        attention: kernel of the attention before each pooling; 0 for none.
    """

    kernel_size: int
    layers: Layers
    stride: tuple[int, int] = (1, 1)
    residual: bool = False
    attention: int = 0

    def make(self, name: str, filters: Sequence[int]) -> Layer:
        """Return a function from images to their maps; its weights are the same in every call."""
        return partial(apply_in_order, [self._level(f"{name}_{n + 1}", filters, n) for n in range(len(filters))])

    def _level(self, name: str, filters: Sequence[int], position: int) -> Layer:
        stride = self.stride if position == 0 else (1, 1)
        if self.residual:
            kept = position > 0 and filters[position] == filters[position - 1]
            convolved = self._residual(name, filters[position], stride, kept)
        else:
            convolved = self._convolved(name, filters[position], stride, self.layers.activation)
        steps = [convolved]
        if self.attention:
            from app.models.blocks.image_layers import SpatialAttention

            steps.append(SpatialAttention(self.attention, name=f"{name}_attention"))
        pools = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
        steps.append(pools[self.layers.pooling](2, name=f"{name}_pool"))
        return partial(apply_in_order, steps)

    def _convolved(
        self, name: str, filters: int, stride: tuple[int, int], activation: str | None, kernel: int | None = None
    ) -> Layer:
        """Return convolution, normalisation and activation; the kernel is at least as large as the stride."""
        size = [max(kernel or self.kernel_size, step) for step in stride]
        options = {"strides": stride, "padding": "same", "use_bias": not self.layers.batch_norm}
        steps = [keras.layers.Conv2D(filters, size, **options, name=f"{name}_conv")]
        if self.layers.batch_norm:
            steps.append(keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm"))
        if activation:
            steps.append(keras.layers.Activation(activation, name=f"{name}_{activation}"))
        return partial(apply_in_order, steps)

    def _residual(self, name: str, filters: int, stride: tuple[int, int], kept: bool) -> Layer:
        """Return activation(F(x) + x), x through a convolution of 1 x 1 where the number of filters changes."""
        first = self._convolved(f"{name}_first", filters, stride, self.layers.activation)
        second = self._convolved(f"{name}_second", filters, (1, 1), None)
        around = None if kept else self._convolved(f"{name}_around", filters, stride, None, kernel=1)
        add = keras.layers.Add(name=f"{name}_add")
        act = keras.layers.Activation(self.layers.activation, name=f"{name}_{self.layers.activation}")
        return lambda image: act(add([second(first(image)), image if around is None else around(image)]))


def apply_in_order(steps: Sequence[Layer], image: Any) -> Any:
    """Return the image after all steps, one after the other."""
    for step in steps:
        image = step(image)
    return image


def pool_maps(image: Any, kind: GlobalPooling, name: str) -> list[Any]:
    """Return features of the maps (N, H, W, F): mean or maximum of each over the image, both, or every pixel."""
    if kind == "none":
        return [keras.layers.Flatten(name=f"{name}_flat")(image)]
    layers = {"average": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}
    kinds = [kind] if kind != "both" else ["average", "max"]
    return [layers[k](name=f"{name}_{k}")(image) for k in kinds]


def dense_features(maps: Mapping[str, Any], rows: Sequence[Any], layers: Layers) -> Any:
    """Return the last of the dense layers over the maps of an event, by name, and its rows of numbers, (N, F)."""
    parts = [part for name, image in maps.items() for part in pool_maps(image, layers.global_pooling, name)]
    parts += rows
    known = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="known")(parts)
    return dense(known, (layers.dense_units,) * layers.dense_layers, layers.activation, layers.dropout)


def branch_by_plane(
    branch: Branch, planes: Mapping[str, Any], filters: Sequence[int], share_uv: bool
) -> dict[str, Any]:
    """Return the maps of each plane: those of X from a branch of its own, U and V from one that they may share."""
    names = {plane: "plane_uv" if share_uv and plane in SHARED else plane for plane in planes}
    branches = {name: branch.make(name, filters) for name in dict.fromkeys(names.values())}
    return {plane: branches[names[plane]](image) for plane, image in planes.items()}
