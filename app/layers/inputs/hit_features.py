"""Hits of a muon: scaled features."""

from typing import Any

from app.layers.inputs import INPUT_LAYERS


@INPUT_LAYERS("hit_features")
def hit_features(label: str, *, scales: tuple[float, ...], standardize: bool = False) -> Any:
    """Features of hits in numbers of order 1: (N, h, F) to (N, h, F).

    Each is multiplied with its scale, which keeps its zero and its sign: lengths in mm become m. With `standardize` its
    mean over all hits of the training split is taken off then, and it is divided by their standard deviation; rows of
    padding, 0 before, are not 0 behind it. The mask says which rows are hits.

    Args:
        label: name of the Keras layer.
        scales: one for each feature.
        standardize: mean 0 and standard deviation 1.

    Returns:
        The layer; it computes in float32 also under mixed precision.
    """
    from app.layers.hits import HitFeatures

    return HitFeatures(scales, standardize, name=label)
