"""The convolutional network of one image."""

from collections.abc import Mapping
from typing import Any

from app.models import MODELS
from app.models.blocks.convolution import Branch, GrowingConvolutions, Layers, dense_features
from app.models.blocks.images import check_depth, take_only_image, take_rows


@MODELS("plane_cnn", images=True)
def plane_cnn(
    inputs: Mapping[str, Any],
    *,
    convolutions: GrowingConvolutions,
    layers: Layers,
) -> Any:
    """Convolutions over the image of one plane: x -> pool(activation(norm(conv(x)))), then dense layers.

    A convolution is the same for every place of a track, and with a global pooling so are the features, except at the
    border of the image. One plane measures two coordinates: the direction across it is only guessed, from the charge
    per wire and the energy. The maps of a layer are filters x pixels numbers for each event, those of the first layer
    the
    most: ticks that are summed in the input layer save time and memory in proportion.

    Args:
        inputs: images (N, H, W, channels) after their input layer, by name; rows of numbers (N, C) are added after
        them.
        convolutions: their number, size and filters.
        layers: the layers between and after the convolutions.

    Returns:
        Features (N, dense_units).

    Raises:
        UserError: there is not exactly one image, or one too small for so many layers.
    """
    image = take_only_image(inputs, "plane_cnn", "three_plane_cnn")
    check_depth({"image": image}, convolutions.conv_layers)
    maps = Branch(convolutions.kernel_size, layers).make("image", convolutions.by_layer)(image)
    return dense_features({"image": maps}, take_rows(inputs), layers)
