"""The residual network of one to three wire planes."""

from collections.abc import Mapping
from typing import Any

from app.models import MODELS
from app.models.blocks.convolution import Branch, GrowingConvolutions, Layers, branch_by_plane, dense_features
from app.models.blocks.images import check_depth, take_planes, take_rows


@MODELS("residual_cnn", images=True)
def residual_cnn(
    inputs: Mapping[str, Any],
    *,
    share_uv: bool = True,
    convolutions: GrowingConvolutions,
    layers: Layers,
) -> Any:
    """Residual blocks for each plane: x -> pool(activation(F(x) + x)), F two convolutions; else as `three_plane_cnn`.

    The shortcut around F lets a block begin close to the identity, and lets gradients pass. It is worth twice the
    number of convolutions in a network that is deeper than the images can be halved. Where the number of filters
    changes, the shortcut is a convolution of 1 x 1. U and V share their weights by default.

    Args:
        inputs: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are added after
        them.
        share_uv: one branch, with the same weights, for U and V.
        convolutions: their number, size and filters.
        conv_layers: blocks of two convolutions, each followed by a pooling that halves the image.
        filters: of the first block.
        growth: how the filters grow with the blocks: f, f, f ("constant"), f, 2f, 3f or f, 2f, 4f ("exponential").
        layers: the layers between and after the convolutions.

    Returns:
        Features (N, dense_units).

    Raises:
        UserError: the images are none of plane_u, plane_v, plane_x, or too small for so many blocks.

    References:
        K. He et al., Deep Residual Learning for Image Recognition, eq. 1, arXiv:1512.03385.
    """
    planes = take_planes(inputs, "residual_cnn", least=1)
    check_depth(planes, convolutions.conv_layers)
    branch = Branch(convolutions.kernel_size, layers, residual=True)
    return dense_features(branch_by_plane(branch, planes, convolutions.by_layer, share_uv), take_rows(inputs), layers)
