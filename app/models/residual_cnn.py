"""The residual network of one to three wire planes."""

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
    by_plane,
    described,
    filters_of,
    pooled,
)
from app.models._images import check_depth, planes_of, rows_of
from app.models.mlp import Activation


@MODELS("residual_cnn", images=True)
def residual_cnn(
    seen: Mapping[str, Any],
    *,
    share_uv: bool = True,
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
    """Residual blocks for each plane: x -> pool(activation(F(x) + x)), F two convolutions; else as `three_plane_cnn`.

    The way around F lets a block begin as nothing, and gradients pass. That is worth twice the convolutions where a
    network shall be deeper than the images can be halved. Where the number of filters changes, the way around is a
    convolution of 1 x 1. U and V share their weights by default.

    Args:
        seen: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are joined after them.
        share_uv: one branch, with the same weights, for U and V.
        conv_layers: blocks of two convolutions, each followed by a pooling that halves the image.
        filters: of the first block.
        kernel_size: of the convolutions.
        growth: how the filters grow with the blocks: f, f, f ("constant"), f, 2f, 3f or f, 2f, 4f ("exponential").
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
        UserError: the images are none of plane_u, plane_v, plane_x, or too small for so many blocks.

    References:
        K. He et al., Deep Residual Learning for Image Recognition, eq. 1, arXiv:1512.03385.
    """
    planes = planes_of(seen, "residual_cnn", least=1)
    check_depth(planes, conv_layers)
    branch = Branch(kernel_size, pooling, batch_norm, activation, residual=True)
    maps = by_plane(branch, planes, filters_of(filters, conv_layers, growth), share_uv)
    parts = [part for name, image in maps.items() for part in pooled(image, global_pooling, name)]
    return described([*parts, *rows_of(seen)], (dense_units,) * dense_layers, activation, dropout)
