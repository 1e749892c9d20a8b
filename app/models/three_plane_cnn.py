"""The convolutional network of two or three wire planes."""

from collections.abc import Mapping
from typing import Any

from app.models import MODELS
from app.models.blocks.convolution import Branch, GrowingConvolutions, Layers, branch_by_plane, dense_features
from app.models.blocks.images import check_depth, take_planes, take_rows


@MODELS("three_plane_cnn", images=True)
def three_plane_cnn(
    inputs: Mapping[str, Any],
    *,
    share_uv: bool = True,
    convolutions: GrowingConvolutions,
    layers: Layers,
) -> Any:
    """One branch of convolutions for each plane, as in `plane_cnn`; what they find is joined before the dense layers.

    Two planes give the direction in space, the third what is degenerate in them: all charge of a track along a wire
    arrives in one channel. U and V are induction planes of one make, so their branch is the same by default: it learns
    from the images of both. With batch_norm they share the moving averages as well, which are then those of both planes
    together.

    Args:
        inputs: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are added after
        them.
        share_uv: one branch, with the same weights, for U and V.
        convolutions: their number, size and filters.
        layers: the layers between and after the convolutions.

    Returns:
        Features (N, dense_units).

    Raises:
        UserError: the images are no two or three of plane_u, plane_v, plane_x, or too small for so many layers.
    """
    planes = take_planes(inputs, "three_plane_cnn")
    check_depth(planes, convolutions.conv_layers)
    maps = branch_by_plane(Branch(convolutions.kernel_size, layers), planes, convolutions.by_layer, share_uv)
    return dense_features(maps, take_rows(inputs), layers)
