"""The convolutional network of one image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.core.types import Count
from app.models import MODELS
from app.models._convolution import Branch, Dropout, GlobalPooling, Growth, Pooling, described, filters_of, pooled
from app.models._images import check_depth, only_image, rows_of
from app.models.mlp import Activation


@MODELS("plane_cnn", images=True)
def plane_cnn(
    seen: Mapping[str, Any],
    *,
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
    """Convolutions over the image of one plane: x -> pool(activation(norm(conv(x)))), then dense layers.

    A convolution sees a track in the same way wherever it lies, and with a global pooling so do the features, but for
    the image's border. One plane measures two coordinates: the direction across it is only guessed, from the charge per
    wire and the energy. The maps of a layer are filters x pixels numbers for each event, those of the first layer the
    most: ticks that are summed in the input layer save time and memory in proportion.

    Args:
        seen: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are joined after them.
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
        UserError: there is not exactly one image, or one too small for so many layers.
    """
    image = only_image(seen, "plane_cnn", "three_plane_cnn")
    check_depth({"image": image}, conv_layers)
    branch = Branch(kernel_size, pooling, batch_norm, activation)
    maps = branch.make("image", filters_of(filters, conv_layers, growth))(image)
    parts = [*pooled(maps, global_pooling, "image"), *rows_of(seen)]
    return described(parts, (dense_units,) * dense_layers, activation, dropout)
