"""The convolutional network of whole volumes around a track."""

from collections.abc import Mapping
from typing import Any

from app.models import MODELS
from app.models.blocks.convolution import Branch, GrowingConvolutions, Layers, Stride, dense_features
from app.models.blocks.images import check_depth, stack_images, take_rows


@MODELS("volume_cnn", images=True)
def volume_cnn(
    inputs: Mapping[str, Any],
    *,
    stride: Stride = (4, 6),
    convolutions: GrowingConvolutions,
    layers: Layers,
) -> Any:
    """Convolutions over large, mostly empty images, all planes as channels of one, the first with a long stride.

    A volume of 208 wires x 1242 ticks is a hundred cluster images: in full resolution the maps of one layer of 32
    filters are 33 MB for each event. The first convolution therefore moves by `stride` pixels, with a kernel that
    leaves none out: 4 wires and 6 ticks are 1.9 x 0.5 cm. Training then takes about 21 MB for each event of a batch.
    Images of single planes are stacked as channels, which only means something where they are equal in size and cover
    the same time.

    Args:
        inputs: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are added after
        them.
        stride: of the first convolution, in wires and ticks; (1, 1) keeps the full resolution.
        convolutions: their number, size and filters.
        layers: the layers between and after the convolutions.

    Returns:
        Features (N, dense_units).

    Raises:
        UserError: there is no image, they differ in size, or they are too small for so many layers.
    """
    image = stack_images(inputs, "volume_cnn")
    check_depth({"volume": image}, convolutions.conv_layers, stride=stride)
    branch = Branch(convolutions.kernel_size, layers, stride)
    maps = branch.make("volume", convolutions.by_layer)(image)
    return dense_features({"volume": maps}, take_rows(inputs), layers)
