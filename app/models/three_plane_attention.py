"""Wire planes through branches of different depth, with attention to parts of the image."""

from collections.abc import Mapping
from typing import Any

from app.core.types import Count
from app.models import MODELS
from app.models.blocks.convolution import Branch, Convolutions, Growth, Layers, dense_features
from app.models.blocks.images import PLANES, check_depth, take_planes, take_rows


@MODELS("three_plane_attention", images=True)
def three_plane_attention(
    inputs: Mapping[str, Any],
    *,
    convolutions: Convolutions,
    growth: tuple[Growth, Growth, Growth] = ("exponential", "linear", "constant"),
    extra_layers: tuple[int, int, int] = (-1, 0, 1),
    attention_kernel: Count = 1,
    layers: Layers,
) -> Any:
    """A branch for each plane with spatial attention: x -> pool(m x) with x = activation(norm(conv(x))) and a mask m.

    m = sigmoid(conv([mean of x over the filters, maximum of x over the filters])), one number in (0, 1) for each pixel:
    where the charge is, or where a track begins, may count more than the rest. The branches differ: U has n - 1 layers
    with filters that double, V n with filters n, 2n, 3n, X, the plane with the best signal, n + 1 of equal filters. So
    each plane has weights of its own, and of an image 16 pixels wide n can be 3 at most.

    At the default size training takes 6 MB for each event of a batch of three images of 128 x 16 pixels, and 1.7 MB
    with four ticks in one, not counting TensorFlow itself.

    Args:
        inputs: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are added after
        them.
        convolutions: their number and size.
        conv_layers: n; convolutions, each followed by a pooling that halves the image.
        filters: of the first layer.
        growth: how the filters of U, V and X grow with the layers: f, f, f ("constant"), f, 2f, 3f ("linear") or f, 2f,
            4f ("exponential").
        extra_layers: how many layers more than conv_layers the branches of U, V and X have.
        attention_kernel: size of the convolution that makes the mask; 1 judges each pixel by itself.
        layers: the layers between and after the convolutions.

    Returns:
        Features (N, dense_units).

    Raises:
        UserError: the images are no two or three of plane_u, plane_v, plane_x, or too small for so many layers.

    References:
        S. Woo et al., CBAM: Convolutional Block Attention Module, section 3.2, arXiv:1807.06521.
    """
    planes = take_planes(inputs, "three_plane_attention")
    more, growths = dict(zip(PLANES, extra_layers, strict=True)), dict(zip(PLANES, growth, strict=True))
    check_depth(planes, convolutions.conv_layers, more)
    branch = Branch(convolutions.kernel_size, layers, attention=attention_kernel)
    filters = {name: convolutions.grown(growths[name], more[name]) for name in planes}
    maps = {name: branch.make(name, filters[name])(image) for name, image in planes.items()}
    return dense_features(maps, take_rows(inputs), layers)
