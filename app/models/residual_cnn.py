"""The residual network of one to three wire planes."""

from collections.abc import Mapping
from typing import Any

from app.models import MODELS
from app.models.blocks.convolution import Branch, GrowingConvolutions, Layers, by_plane, described
from app.models.blocks.images import check_depth, planes_of, rows_of


@MODELS("residual_cnn", images=True)
def residual_cnn(
    seen: Mapping[str, Any],
    *,
    share_uv: bool = True,
    convolutions: GrowingConvolutions,
    layers: Layers,
) -> Any:
    """Residual blocks for each plane: x -> pool(activation(F(x) + x)), F two convolutions; else as `three_plane_cnn`.

    The way around F lets a block begin as nothing, and gradients pass. That is worth twice the convolutions where a
    network shall be deeper than the images can be halved. Where the number of filters changes, the way around is a
    convolution of 1 x 1. U and V share their weights by default.

    Args:
        seen: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are joined after them.
        share_uv: one branch, with the same weights, for U and V.
        convolutions: their number, size and filters.
        conv_layers: blocks of two convolutions, each followed by a pooling that halves the image.
        filters: of the first block.
        growth: how the filters grow with the blocks: f, f, f ("constant"), f, 2f, 3f or f, 2f, 4f ("exponential").
        layers: what stands between them and after them.

    Returns:
        Features (N, dense_units).

    Raises:
        UserError: the images are none of plane_u, plane_v, plane_x, or too small for so many blocks.

    References:
        K. He et al., Deep Residual Learning for Image Recognition, eq. 1, arXiv:1512.03385.
    """
    planes = planes_of(seen, "residual_cnn", least=1)
    check_depth(planes, convolutions.conv_layers)
    branch = Branch(convolutions.kernel_size, layers, residual=True)
    return described(by_plane(branch, planes, convolutions.by_layer, share_uv), rows_of(seen), layers)
