"""A transformer over a few tokens, and its result in one vector."""

from __future__ import annotations

from typing import Any

from app.core.libraries import keras


def transformed(tokens: Any, blocks: int, heads: int, activation: str) -> Any:
    """Return tokens (N, T, D) after `blocks` of attention and two dense layers, each with its sum, normalised first.

    The sums are of what was not normalised (pre-norm), so that gradients reach the first block undamped.

    References:
        R. Xiong et al., On layer normalization in the transformer architecture, arXiv:2002.04745.
    """
    width = tokens.shape[-1]
    for position in range(1, blocks + 1):
        name = f"block_{position}"
        normal = keras.layers.LayerNormalization(name=f"{name}_normal")(tokens)
        attention = keras.layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")
        tokens = keras.layers.Add(name=f"{name}_attended")([tokens, attention(normal, normal)])
        hidden = keras.layers.LayerNormalization(name=f"{name}_second_normal")(tokens)
        hidden = keras.layers.Dense(2 * width, activation, name=f"{name}_wide")(hidden)
        hidden = keras.layers.Dense(width, name=f"{name}_narrow")(hidden)
        tokens = keras.layers.Add(name=f"{name}_tokens")([tokens, hidden])
    return keras.layers.LayerNormalization(name="tokens_normal")(tokens)


def pooled(tokens: Any, heads: int) -> Any:
    """Return `heads` weighted means of the tokens, (N, heads D): weights softmax over tokens of a_h . token + b_h.

    This is attention with a learned query for each head, which does not depend on the event.
    """
    scores = keras.layers.Dense(heads, dtype="float32", name="pool_scores")(tokens)
    weights = keras.layers.Softmax(axis=1, dtype="float32", name="pool_weights")(scores)
    means = keras.layers.Dot(axes=(1, 1), name="pool")([weights, tokens])
    return keras.layers.Flatten(name="pooled")(means)
