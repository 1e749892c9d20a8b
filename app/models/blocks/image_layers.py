"""Layers over the pixels of images, the sensors of a detector and the tokens made of them. Imported with Keras."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from app.layers.saving import saved


@saved
class NeighbourAggregation(keras.layers.Layer):
    """h_i = activation(W x_i + V mean_(j in neighbours of i) x_j + b): (N, S, C) to (N, S, units).

    The mean is over the neighbours that exist, so that a sensor at the edge has no neighbours of zeros. It is a
    product with the normalised adjacency matrix (S, S), which for a hundred sensors is cheaper than gathering them and,
    unlike the gradient of a gather, adds up in the same order in every run on a GPU.

    Args:
        neighbours: for each sensor the positions of its neighbours, (S, K); -1 where there is none.
        units: features of a sensor afterwards.
        activation: its name.
    """

    def __init__(self, neighbours: Sequence[Sequence[int]], units: int, activation: str, **options: Any) -> None:
        super().__init__(**options)
        self.neighbours = [[int(position) for position in row] for row in neighbours]
        self.units, self.activation = units, activation
        self.matrix = adjacency(self.neighbours)
        self.dense = keras.layers.Dense(units, activation, name="dense", dtype=self.dtype_policy)

    def build(self, shape: Any) -> None:
        """Make the weights: (2 C, units), those for the sensor itself first."""
        self.dense.build((*shape[:-1], 2 * shape[-1]))
        self.built = True

    def call(self, sensors: Any) -> Any:
        """Return the features, (N, S, units)."""
        around = keras.ops.matmul(keras.ops.cast(self.matrix, sensors.dtype), sensors)
        return self.dense(keras.ops.concatenate([sensors, around], axis=-1))

    def compute_output_shape(self, shape: Any) -> tuple[Any, ...]:
        """Return (N, S, units)."""
        return (*shape[:-1], self.units)


def adjacency(neighbours: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the matrix (S, S) that takes the mean over neighbours; the row of a sensor without any is 0."""
    matrix = np.zeros((len(neighbours), len(neighbours)), np.float32)
    for sensor, row in enumerate(neighbours):
        near = [other for other in row if other >= 0]
        matrix[sensor, near] = 1.0 / max(len(near), 1)
    return matrix


@saved
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


FAINT = 1e-3
"""The constant added to the sum of weights: a face without light has its centroid in the middle."""


@saved
class LearnedCentroids(keras.layers.Layer):
    """Map (N, H, W, C) to K centroids and the logarithms of their weights, (N, 3 K), in float32.

    With w_k = relu(a_k . x + b_k)^2 at each cell: centroid_k = sum w_k r / sum w_k and log sum w_k, for r from -1 to 1
    along rows and columns, both in units of the standard deviation of a flat distribution. The light-weighted centroid
    and the sum of light are the simplest estimates of position and energy; a network that makes a position from a map
    by dense layers needs many more epochs to learn them.

    Args:
        count: K.
    """

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**{**options, "dtype": "float32"})  # squares of bright sensors overflow in float16
        self.count = count
        self.dense = keras.layers.Dense(count, activation="relu", name="dense", dtype="float32")

    def build(self, shape: Any) -> None:
        """Make the weights and the places of the cells."""
        self.dense.build(shape)
        rows, columns = (np.linspace(-math.sqrt(3.0), math.sqrt(3.0), length) for length in shape[1:3])
        self.places = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)
        self.built = True

    def call(self, cells: Any) -> Any:
        """Return row and column of each centroid, then the logarithms, (N, 3 K)."""
        weights = keras.ops.reshape(keras.ops.square(self.dense(cells)), (-1, len(self.places), self.count))
        total = keras.ops.sum(weights, axis=1) + FAINT
        places = keras.ops.einsum("nck,cd->nkd", weights, self.places) / total[..., None]
        return keras.ops.concatenate(
            [keras.ops.reshape(places, (-1, 2 * self.count)), keras.ops.log(total) / 4.0], axis=-1
        )

    def compute_output_shape(self, shape: Any) -> tuple[int | None, int]:
        """Return (N, 3 K)."""
        return (shape[0], 3 * self.count)


@saved
class ChannelDropout(keras.layers.Layer):
    """Sensors (N, S, C) of which in training a share, drawn anew for each event, has all channels 0.

    An invalid sensor has the same channels after the input layer `sensor_channels`, masks included, so that a network
    learns to work without single sensors. The others are not scaled up as in `keras.layers.Dropout`, because the light
    of a dead channel is missing in the data too.

    Args:
        rate: share of the sensors.
        seed: of the seed generator, whose state is a variable of the model and of its checkpoints.
    """

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, sensors: Any, training: bool = False) -> Any:
        """Return the sensors, (N, S, C)."""
        if not training or self.rate == 0.0:
            return sensors
        shape = (*keras.ops.shape(sensors)[:-1], 1)
        chance = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return keras.ops.where(chance >= self.rate, sensors, keras.ops.zeros_like(sensors))


@saved
class TokenEmbedding(keras.layers.Layer):
    """Tokens (N, T, D) + e, with e (T, D) learned, which identifies the face, and the place on it, of each token."""

    def build(self, shape: Any) -> None:
        """Make the vectors."""
        self.vectors = self.add_weight(
            shape=tuple(shape[1:]), initializer=keras.initializers.RandomNormal(stddev=0.02), name="vectors"
        )

    def call(self, tokens: Any) -> Any:
        """Return the tokens, (N, T, D)."""
        return tokens + self.vectors
