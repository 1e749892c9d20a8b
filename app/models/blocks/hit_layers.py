"""Layers over hits (N, h, F) of which a mask (N, h) says which are there. Imported with Keras.

None of them depends on the content or the length of the padding, or on the order of the hits, and all have finite
values and gradients for an event without hits.
"""

from typing import Any

import keras

from app.layers.saving import saved

FAR = 1e6
"""A value beyond every scaled feature, small enough that sums with it stay finite."""
FINER = 1000.0
"""The inverse of the part of their spread below which deviations enter linearly."""
LEAST_VARIANCE = 1e-8
"""The least variance: a feature that is equal for all hits of an event has no spread to divide by."""
TYPICAL_HITS = 32.0
"""Sums over hits are divided by this number, so that they have the size of their terms and still count them."""


def weighted_mean(values: Any, weights: Any) -> Any:
    """Return sum(w x) / sum(w) over the hits, (N, F); 0 where no hit has a weight (N, h)."""
    total = keras.ops.sum(weights, axis=1)[:, None]
    some = total > 0
    weighted = keras.ops.sum(weights[..., None] * values, axis=1)
    return weighted / keras.ops.where(some, total, 1.0)


def weighted_sum(values: Any, weights: Any) -> Any:
    """Return sum(w x) / 32 over the hits, (N, F)."""
    return keras.ops.sum(weights[..., None] * values, axis=1) / TYPICAL_HITS


def masked_max(values: Any, chosen: Any) -> Any:
    """Return the largest value of each feature among the chosen hits (N, h), (N, F); 0 where there is none."""
    largest = keras.ops.max(keras.ops.where(chosen[..., None], values, -FAR), axis=1)
    return keras.ops.where(keras.ops.any(chosen, axis=1)[:, None], largest, 0.0)


def masked_medians(values: Any, mask: Any) -> Any:
    """Return the lower median of each feature over the hits of the mask, (N, 1, F); 0 where there is none."""
    number = keras.ops.sum(mask, axis=1)[:, None, None]
    ordered = keras.ops.sort(keras.ops.where(mask[..., None] > 0, values, FAR), axis=1)
    place = keras.ops.cast(keras.ops.maximum(number - 1, 0.0) // 2, "int32")
    place = keras.ops.broadcast_to(place, (keras.ops.shape(values)[0], 1, values.shape[-1]))
    return keras.ops.where(number > 0, keras.ops.take_along_axis(ordered, place, axis=1), 0.0)


class _OverHits(keras.layers.Layer):
    """A layer in float32: half precision cannot hold sums over hundreds of hits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})

    def build(self, shapes: Any) -> None:
        """There are no weights."""
        super().build(shapes)


@saved
class ClearedPadding(_OverHits):
    """{"hits": (N, h, F), "mask": (N, h)} to the hits with zeros in the padding, also where it held NaN."""

    def call(self, tensors: Any) -> Any:
        """Return the hits, (N, h, F)."""
        there = keras.ops.cast(tensors["mask"], "float32")[..., None] > 0
        return keras.ops.where(there, keras.ops.cast(tensors["hits"], "float32"), 0.0)


@saved
class Deviations(_OverHits):
    """{"hits", "mask"} to how far x lies from its median over the event's hits, (N, h, 2 F); 0 in the padding.

    The bending of a track changes a position by a few parts in ten thousand, which a network does not resolve. With
    z = (x - median) / spread the deviations are z and asinh(1000 z) / 4, which is linear below a thousandth of the
    spread and logarithmic above, so that distant noise does not hide what is near. The median is that of the muon as
    long as most hits are its own. The spread, measured batch by batch, is accurate to a few per cent and only scales
    the result.

    Args:
        momentum: of the moving average of the variance, which is used outside of training.
    """

    def __init__(self, momentum: float = 0.95, **options: Any) -> None:
        super().__init__(**options)
        self.momentum = momentum

    def build(self, shapes: Any) -> None:
        """Make the moving variance."""
        shape = (shapes["hits"][-1],)
        self.variance = self.add_weight(shape=shape, initializer="ones", trainable=False, name="moving_variance")
        super().build(shapes)

    def call(self, tensors: Any, training: bool = False) -> Any:
        """Return the deviations."""
        mask = keras.ops.cast(tensors["mask"], "float32")
        away = (tensors["hits"] - masked_medians(tensors["hits"], mask)) * mask[..., None]
        variance = self.measure_variance(away, mask) if training else self.variance
        scaled = away / keras.ops.sqrt(keras.ops.maximum(variance, LEAST_VARIANCE))
        return keras.ops.concatenate([scaled, keras.ops.arcsinh(FINER * scaled) / 4.0], axis=-1)

    def measure_variance(self, away: Any, mask: Any) -> Any:
        """Return the variance (F,) of the deviations (N, h, F) of a batch, and update the moving average."""
        hits = keras.ops.sum(mask)
        variance = keras.ops.sum(away * away, axis=(0, 1)) / keras.ops.maximum(hits, 1.0)
        variance = keras.ops.where(hits > 0, variance, self.variance)
        self.variance.assign(self.momentum * self.variance + (1 - self.momentum) * variance)
        return variance

    def compute_output_shape(self, shapes: Any) -> Any:
        """Return (N, h, 2 F)."""
        return (*shapes["hits"][:-1], 2 * shapes["hits"][-1])


@saved
class HitSum(_OverHits):
    """{"hits", "mask"} to the sum over the hits (divided by 32) or their mean, (N, F).

    Args:
        mean: whether the mean is meant.
    """

    def __init__(self, mean: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.mean = mean

    def call(self, tensors: Any) -> Any:
        """Return the sum or mean, (N, F)."""
        mask = keras.ops.cast(tensors["mask"], "float32")
        return (weighted_mean if self.mean else weighted_sum)(keras.ops.cast(tensors["hits"], "float32"), mask)


@saved
class AssignmentPooling(_OverHits):
    """{"hits": (N, h, F), "mask": (N, h), "scores": (N, h)} to the pooled features of the assigned hits, (N, 4 F).

    A hit is assigned when p = sigmoid(score) is above the threshold. Pooled are mean and sum with the weights p of the
    assigned hits, then their maximum and minimum. p enters the first two with its gradient, so that the task alone
    already teaches the scores; a hit below the threshold is out of its reach, and comes back by a loss on the scores.

    Args:
        threshold: on p.
    """

    def __init__(self, threshold: float = 0.1, **options: Any) -> None:
        super().__init__(**options)
        self.threshold = threshold

    def call(self, tensors: Any) -> Any:
        """Return mean, sum, maximum and minimum side by side, all 0 for an event without an assigned hit."""
        hits = keras.ops.cast(tensors["hits"], "float32")
        p = keras.ops.sigmoid(keras.ops.cast(tensors["scores"], "float32"))
        chosen = (p > self.threshold) & (keras.ops.cast(tensors["mask"], "float32") > 0)
        weights = keras.ops.where(chosen, p, 0.0)
        extremes = [masked_max(hits, chosen), -masked_max(-hits, chosen)]
        return keras.ops.concatenate([weighted_mean(hits, weights), weighted_sum(hits, weights), *extremes], axis=-1)

    def compute_output_shape(self, shapes: Any) -> Any:
        """Return (N, 4 F)."""
        return (shapes["hits"][0], 4 * shapes["hits"][-1])


@saved
class HitProbability(_OverHits):
    """{"scores": (N, h), "mask": (N, h)} to the probability that a hit belongs to the muon, 0 in the padding."""

    def call(self, tensors: Any) -> Any:
        """Return the probabilities, (N, h)."""
        return keras.ops.sigmoid(keras.ops.cast(tensors["scores"], "float32")) * tensors["mask"]


@saved
class ClassToken(keras.layers.Layer):
    """{"tokens": (N, h, D), "mask": (N, h)} with a learned token before the others, which is always there."""

    def build(self, shapes: Any) -> None:
        """Make the token."""
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.token = self.add_weight(shape=(1, 1, shapes["tokens"][-1]), initializer=start, name="token")
        super().build(shapes)

    def call(self, tensors: Any) -> dict[str, Any]:
        """Return {"tokens": (N, 1 + h, D), "mask": (N, 1 + h)}."""
        tokens = tensors["tokens"]
        rows = keras.ops.shape(tokens)[0]
        first = keras.ops.broadcast_to(keras.ops.cast(self.token, tokens.dtype), (rows, 1, tokens.shape[-1]))
        mask = keras.ops.cast(tensors["mask"], "float32")
        one = keras.ops.ones((rows, 1), "float32")
        return {
            "tokens": keras.ops.concatenate([first, tokens], axis=1),
            "mask": keras.ops.concatenate([one, mask], axis=1),
        }

    def compute_output_shape(self, shapes: Any) -> dict[str, Any]:
        """Return the shapes of what `call` gives."""
        rows, hits, width = shapes["tokens"]
        more = None if hits is None else hits + 1
        return {"tokens": (rows, more, width), "mask": (rows, more)}


@saved
class AttentionMask(_OverHits):
    """A mask (N, h) to (N, 1, h) booleans: every token may look at those that are there."""

    def call(self, mask: Any) -> Any:
        """Return the mask of attention."""
        return keras.ops.cast(mask, "float32")[:, None] > 0
