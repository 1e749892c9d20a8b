"""Hits of a muon, pooled with the probability that each of them belongs to it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.core.libraries import keras
from app.core.types import Blocks, Count
from app.models import MODELS, SCORES
from app.models.blocks.hits import attend, check_heads_share, dense, take_hits
from app.models.mlp import Activation

Hidden = tuple[Count, ...]
Share = Annotated[float, Field(ge=0, lt=1)]


@MODELS("hit_pooling", hits=True, scores=True)
def hit_pooling(
    inputs: Mapping[str, Any],
    *,
    encoder: Annotated[Hidden, Field(min_length=1)] = (64, 64),
    blocks: Blocks = 0,
    attention_heads: Count = 4,
    threshold: Share = 0.1,
    hidden: Annotated[Hidden, Field(min_length=1)] = (128, 128),
    deviations: bool = True,
    dropout: Share = 0.0,
    activation: Activation = "gelu",
) -> Any:
    """An assignment score for each hit, and features pooled over the assigned hits.

    Dense layers encode each hit by itself, optional attention lets the hits see each other, and one number, the score,
    says whether the hit belongs to the muon: p = sigmoid(score). The features are made of the hits with p above
    `threshold`: mean and sum with the weights p, maximum and minimum, each of the raw and of the encoded hits. This
    keeps noise out of the features. The scores are an output of the network: the constraint `hit_assignment` teaches
    them the truth, and the deployed model gives p as `hit_probability` (N, h). Without that constraint p is a weight
    without a meaning.

    An event without an assigned hit has pooled features of 0; the order of the hits and padding do not matter.

    Args:
        inputs: input tensors by name, of which `hits` (N, h, F) and `mask` (N, h) count.
        encoder: sizes of the dense layers for each hit; the last is a multiple of `attention_heads` where there is
            attention.
        blocks: of attention between the hits; 0 leaves it out. Its cost grows with the square of the hits.
        attention_heads: in each block.
        threshold: least probability of a hit that is pooled.
        hidden: sizes of the dense layers after the pooling; the last is the number of features.
        deviations: also give each hit its distance from the median of the event's hits, in every feature.
        dropout: share of the values that are dropped in training after every dense layer.
        activation: of all hidden layers.

    Returns:
        {"features": (N, hidden[-1]), "scores": (N, h)}.

    Raises:
        UserError: data of another kind, or a width that the attention heads cannot share.
    """
    from app.models.blocks.hit_layers import AssignmentPooling

    if blocks:
        check_heads_share(encoder[-1], attention_heads, ("model", "encoder"))
    hits, mask = take_hits(inputs, "hit_pooling", deviations)
    encoded = dense(hits, encoder, activation, dropout, "encoder")
    if blocks:
        encoded = attend(encoded, mask, blocks, attention_heads, activation, dropout)
    scores = keras.layers.Dense(1, dtype="float32", name="score")(encoded)
    scores = keras.layers.Reshape((-1,), dtype="float32", name=SCORES)(scores)
    both = keras.layers.Concatenate(dtype="float32", name="raw_and_encoded")([hits, encoded])
    pooled = AssignmentPooling(threshold, name="pooling")({"hits": both, "mask": mask, "scores": scores})
    return {"features": dense(pooled, hidden, activation, dropout, "features"), SCORES: scores}
