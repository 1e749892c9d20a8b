"""Which token is which: a learned vector for each. Imported with Keras."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("wirechamber")
class TokenEmbedding(keras.layers.Layer):
    """Tokens (N, T, D) + e, with e (T, D) learned: says from which face, and from where on it, a token comes."""

    def build(self, shape: Any) -> None:
        """Make the vectors."""
        self.vectors = self.add_weight(
            shape=tuple(shape[1:]), initializer=keras.initializers.RandomNormal(stddev=0.02), name="vectors"
        )

    def call(self, tokens: Any) -> Any:
        """Return the tokens, (N, T, D)."""
        return tokens + self.vectors

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (N, T, D)."""
        return shape
