"""The network of the photon-sensor calorimeter: every face by its own geometry, then all faces together."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from app.core.libraries import keras
from app.core.types import Blocks, Count
from app.models import MODELS
from app.models.blocks.calorimeter import (
    centre_token,
    end_tokens,
    outer_token,
    patch_tokens,
    pool_tokens,
    side_tokens,
    strided_maps,
    take_face,
    take_sensors,
    transform_tokens,
)
from app.models.blocks.hits import check_heads_share
from app.models.mlp import Activation


class Size(NamedTuple):
    """Channels of the maps, width of the tokens, blocks and attention heads of the transformer, learned centroids."""

    channels: tuple[int, int, int]
    width: int
    blocks: int
    attention_heads: int
    centroids: int


PRESETS = {
    "tiny": Size((8, 16, 16), 32, 1, 2, 4),
    "small": Size((16, 32, 64), 64, 2, 4, 8),
    "medium": Size((32, 64, 128), 128, 4, 8, 16),
}


@MODELS("calorimeter_encoder", aliases=("calorimeter_multihead",), sensors=True)
def calorimeter_encoder(
    inputs: Mapping[str, Any],
    *,
    preset: Literal["tiny", "small", "medium"] = "small",
    channels: tuple[Count, Count, Count] | None = None,
    width: Count | None = None,
    blocks: Blocks | None = None,
    attention_heads: Count | None = None,
    centroids: Count | None = None,
    channel_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    activation: Activation = "gelu",
) -> Any:
    """Faces of the calorimeter through branches of their own, a small transformer over their tokens, shared features.

    * The inner face (93 x 44) goes through three convolutions with stride 2 and becomes 18 tokens, each of them a patch
      of 24 x 12 cm; centroids with learned weights of its first map go to the features directly.
    * The outer (24 x 9), upstream and downstream face (24 x 6) go through two such convolutions, top and bottom and the
      dense middle of the outer face through two rounds of neighbour aggregation; each becomes one token. Faces that are
      mirror images share their weights.
    * A transformer lets every token see all others, and learned queries pool them.

    With one task it is a single-task encoder; with several tasks, whose heads all start from the same features, a
    multi-head model, hence the other name calorimeter_multihead. Without heads the presets have 62,398 (tiny), 311,836
    (small) and 1,631,800 (medium) parameters, and an event takes 3, 12 and 58 million floating-point operations.

    Args:
        inputs: input tensors by name, of which `sensors` (N, 4760, 4) counts: light, time, and their masks.
        preset: all sizes by name; sizes that are given as well replace those of the preset.
        channels: of the maps of the inner face, from the first to the third; the smaller faces use the first two.
        width: of a token; a multiple of `attention_heads`.
        blocks: of the transformer; 0 leaves it out.
        attention_heads: in each block and in the pooling.
        centroids: with learned weights, on the inner face.
        channel_dropout: share of sensors that are dead in training, drawn for each event.
        activation: of all hidden layers.

    Returns:
        Features (N, 2 width + 3 centroids).

    Raises:
        UserError: data of another kind, or a width that the attention heads cannot share.

    References:
        A. Dosovitskiy et al., An image is worth 16x16 words, arXiv:2010.11929 (patches as tokens).
        M. Zaheer et al., Deep sets, arXiv:1703.06114; J. Gilmer et al., Neural message passing, arXiv:1704.01212.
    """
    from app.models.blocks.image_layers import ChannelDropout, LearnedCentroids, TokenEmbedding

    given: dict[str, Any] = {"channels": channels, "width": width, "blocks": blocks}
    given |= {"attention_heads": attention_heads, "centroids": centroids}
    size = PRESETS[preset]._replace(**{name: value for name, value in given.items() if value is not None})
    check_heads_share(size.width, size.attention_heads, ("model", "width"))
    sensors = take_sensors(inputs, "calorimeter_encoder")
    if channel_dropout:
        sensors = ChannelDropout(channel_dropout, name="channel_dropout")(sensors)
    inner = strided_maps(take_face(sensors, "inner"), size.channels, activation, "inner")
    outer = size.channels[:2]
    tokens = [
        patch_tokens(inner[-1], size.width, "inner"),
        outer_token(sensors, outer, size.width, activation),
        *side_tokens(sensors, outer, size.width, activation),
        *end_tokens(sensors, size.channels[0], size.width, activation),
        centre_token(sensors, size.channels[0], size.width, activation),
    ]
    embedded = TokenEmbedding(name="embedding")(keras.layers.Concatenate(axis=1, name="tokens")(tokens))
    tokens_out = transform_tokens(embedded, size.blocks, size.attention_heads, activation)
    whole = pool_tokens(tokens_out, size.attention_heads)
    places = LearnedCentroids(size.centroids, name="centroids")(inner[0])
    mixed = keras.layers.Concatenate(name="faces_and_centroids")([whole, places])
    mixed = keras.layers.Dense(2 * size.width, activation, name="features")(mixed)
    return keras.layers.Concatenate(name="features_and_centroids")([mixed, places])
