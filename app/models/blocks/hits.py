"""What all networks over hits share: their inputs, an encoder of single hits, a transformer with a mask."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from app.core.errors import Problem, UserError
from app.core.libraries import keras

HITS, MASK = "hits", "mask"
Pool = Literal["class_token", "mean"]


def take_hits(inputs: Mapping[str, Any], model: str, deviations: bool) -> tuple[Any, Any]:
    """Return hits (N, h, F) with zeros in the padding, and their mask (N, h); needs such inputs.

    With `deviations` each hit also has the distances of its features from their medians over the event, on a coarse and
    a fine scale: see `Deviations`.
    """
    from app.models.blocks.hit_layers import ClearedPadding, Deviations

    if HITS not in inputs or MASK not in inputs:
        what = f"{model!r} looks at the hits of an event, and the dataset has none"
        raise UserError(Problem(what, ("model",), expected="a dataset with hits: 'muon_hits'", received=sorted(inputs)))
    mask = inputs[MASK]
    hits = ClearedPadding(name="hits_there")({"hits": inputs[HITS], "mask": mask})
    if not deviations:
        return hits, mask
    away = Deviations(name="deviations")({"hits": hits, "mask": mask})
    return keras.layers.Concatenate(dtype="float32", name="hit_features")([hits, away]), mask


def dense(values: Any, hidden: Sequence[int], activation: str, dropout: float, label: str) -> Any:
    """Return the values after dense layers along the last axis, each with dropout behind it."""
    for position, units in enumerate(hidden, start=1):
        values = keras.layers.Dense(units, activation, name=f"{label}_{position}")(values)
        if dropout:
            values = keras.layers.Dropout(dropout, name=f"{label}_{position}_dropout")(values)
    return values


def attend(tokens: Any, mask: Any, blocks: int, heads: int, activation: str, dropout: float) -> Any:
    """Return tokens (N, h, D) after `blocks` of pre-norm attention to the tokens that are there, and dense layers.

    The output at a token of the padding has no meaning.
    """
    from app.models.blocks.hit_layers import AttentionMask

    visible = AttentionMask(name="attention_mask")(mask)
    width = tokens.shape[-1]
    for position in range(1, blocks + 1):
        name = f"block_{position}"
        normal = keras.layers.LayerNormalization(name=f"{name}_normal")(tokens)
        attention = keras.layers.MultiHeadAttention(heads, width // heads, dropout=dropout, name=f"{name}_attention")
        attended = attention(normal, normal, attention_mask=visible)
        tokens = keras.layers.Add(name=f"{name}_attended")([tokens, attended])
        hidden = keras.layers.LayerNormalization(name=f"{name}_second_normal")(tokens)
        hidden = dense(hidden, (2 * width,), activation, dropout, f"{name}_wide")
        hidden = keras.layers.Dense(width, name=f"{name}_narrow")(hidden)
        tokens = keras.layers.Add(name=f"{name}_tokens")([tokens, hidden])
    return keras.layers.LayerNormalization(name="tokens_normal")(tokens)


def check_heads_share(width: int, heads: int, where: tuple[str, ...]) -> None:
    """Raise UserError for a width that the attention heads cannot share."""
    if width % heads:
        expected = f"a multiple of attention_heads, {heads}"
        raise UserError(Problem("the attention heads cannot share it", where, expected=expected, received=width))
