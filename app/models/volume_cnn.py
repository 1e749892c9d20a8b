"""The convolutional network of whole volumes around a track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.core.types import Count
from app.models import MODELS
from app.models._convolution import (
    Branch,
    Dropout,
    GlobalPooling,
    Growth,
    Pooling,
    Stride,
    described,
    filters_of,
    pooled,
)
from app.models._images import check_depth, rows_of, stack_of
from app.models.mlp import Activation


@MODELS("volume_cnn", images=True)
def volume_cnn(
    seen: Mapping[str, Any],
    *,
    stride: Stride = (4, 6),
    conv_layers: Count = 3,
    filters: Count = 32,
    kernel_size: Count = 5,
    growth: Growth = "exponential",
    pooling: Pooling = "max",
    global_pooling: GlobalPooling = "average",
    batch_norm: bool = True,
    dense_layers: Annotated[int, Field(ge=0)] = 2,
    dense_units: Count = 512,
    dropout: Dropout = 0.3,
    activation: Activation = "relu",
) -> Any:
    """Convolutions over large, mostly empty images, all planes as channels of one, the first with a long stride.

    A volume of 208 wires x 1242 ticks is a hundred cluster images: in full resolution the maps of one layer of 32
    filters are 33 MB for each event. The first convolution therefore moves by `stride` pixels, with a kernel that
    leaves none out: 4 wires and 6 ticks are 1.9 x 0.5 cm. Training then takes about 21 MB for each event of a batch.
    Images of single planes are stacked as channels, which only means something where they are equal in size and cover
    the same time.

    Args:
        seen: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are joined after them.
        stride: of the first convolution, in wires and ticks; (1, 1) keeps the full resolution.
        conv_layers: convolutions, each followed by a pooling that halves the image.
        filters: of the first layer.
        kernel_size: of the convolutions.
        growth: how the filters grow with the layers: f, f, f ("constant"), f, 2f, 3f or f, 2f, 4f ("exponential").
        pooling: what halves the image.
        global_pooling: what is kept of the last maps: mean or maximum of each over the image, both, or with "none"
            every pixel, which knows places but takes weights and memory in proportion.
        batch_norm: normalise between convolution and activation, in predictions with the moving averages of training.
        dense_layers: after the images have become numbers; 0 hands these to the heads themselves.
        dense_units: of each dense layer.
        dropout: share of activations dropped after each dense layer while training.
        activation: of all layers.

    Returns:
        Features (N, dense_units).

    Raises:
        UserError: there is no image, they differ in size, or they are too small for so many layers.
    """
    image = stack_of(seen, "volume_cnn")
    check_depth({"volume": image}, conv_layers, stride=stride)
    branch = Branch(kernel_size, pooling, batch_norm, activation, stride)
    maps = branch.make("volume", filters_of(filters, conv_layers, growth))(image)
    parts = [*pooled(maps, global_pooling, "volume"), *rows_of(seen)]
    return described(parts, (dense_units,) * dense_layers, activation, dropout)
