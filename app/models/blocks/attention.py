"""Spatial attention: a mask over the image, made from the image itself. Imported with Keras."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("wirechamber")
class SpatialAttention(keras.layers.Layer):
    """x m with the mask m = sigmoid(conv([mean_c x, max_c x])) in (0, 1), the same for all channels c of a pixel.

    Args:
        kernel_size: of the convolution; with 1 a pixel is judged by itself.

    References:
        S. Woo et al., CBAM: Convolutional Block Attention Module, section 3.2, arXiv:1807.06521.
    """

    def __init__(self, kernel_size: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.kernel_size = kernel_size
        self.convolution = keras.layers.Conv2D(
            1, kernel_size, padding="same", activation="sigmoid", dtype=self.dtype_policy, name="mask"
        )

    def build(self, shape: Any) -> None:
        """Make the weights: kernel_size^2 for the mean, as many for the maximum, and a bias."""
        self.convolution.build((*shape[:-1], 2))
        super().build(shape)

    def mask(self, image: Any) -> Any:
        """Return the mask, (N, H, W, 1)."""
        mean = keras.ops.mean(image, axis=-1, keepdims=True)
        largest = keras.ops.max(image, axis=-1, keepdims=True)
        return self.convolution(keras.ops.concatenate([mean, largest], axis=-1))

    def call(self, image: Any) -> Any:
        """Return the masked image, (N, H, W, C)."""
        return image * self.mask(image)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (N, H, W, C)."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "kernel_size": self.kernel_size}
