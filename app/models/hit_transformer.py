"""A transformer over the hits of an event, with a mask for the padding."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.core.libraries import keras
from app.core.types import Count
from app.models import MODELS
from app.models.blocks.hits import Pool, attend, check_heads_share, dense, take_hits
from app.models.hit_pooling import Hidden, Share
from app.models.mlp import Activation


@MODELS("hit_transformer", hits=True)
def hit_transformer(
    inputs: Mapping[str, Any],
    *,
    embedding: Hidden = (64,),
    width: Count = 64,
    blocks: Annotated[int, Field(ge=1, le=1000)] = 2,
    attention_heads: Count = 4,
    pool: Pool = "class_token",
    hidden: Annotated[Hidden, Field(min_length=1)] = (128,),
    deviations: bool = True,
    dropout: Share = 0.0,
    activation: Activation = "gelu",
) -> Any:
    """A transformer over the hits of an event, which have no order and so no positional encoding.

    Its cost grows with the square of the number of hits: with hundreds of them `hit_pooling` is many times as fast.

    Args:
        inputs: input tensors by name, of which `hits` (N, h, F) and `mask` (N, h) count.
        embedding: sizes of dense layers for each hit before the one that makes the token.
        width: of a token; a multiple of `attention_heads`.
        blocks: of attention and dense layers.
        attention_heads: in each block.
        pool: take the features from a learned token of its own, "class_token", or from the "mean" over the hits.
        hidden: sizes of the dense layers after the transformer; the last is the number of features.
        deviations: also give each hit its distance from the median of the event's hits, in every feature.
        dropout: share of the values that are dropped in training, in the attention too.
        activation: of all hidden layers.

    Returns:
        Features (N, hidden[-1]).

    Raises:
        UserError: data of another kind, or a width that the attention heads cannot share.

    References:
        A. Vaswani et al., Attention is all you need, arXiv:1706.03762; R. Xiong et al., arXiv:2002.04745 (pre-norm);
        J. Devlin et al., arXiv:1810.04805 (class token).
    """
    from app.models.blocks.hit_layers import ClassToken, HitSum

    check_heads_share(width, attention_heads, ("model", "width"))
    hits, mask = take_hits(inputs, "hit_transformer", deviations)
    tokens = keras.layers.Dense(width, name="tokens")(dense(hits, embedding, activation, dropout, "embedding"))
    if pool == "class_token":
        both = ClassToken(name="class_token")({"tokens": tokens, "mask": mask})
        tokens = attend(both["tokens"], both["mask"], blocks, attention_heads, activation, dropout)
        whole = tokens[:, 0]
    else:
        tokens = attend(tokens, mask, blocks, attention_heads, activation, dropout)
        whole = HitSum(mean=True, name="mean")({"hits": tokens, "mask": mask})
    return dense(whole, hidden, activation, dropout, "features")
