"""Heads: from the features of a model to the outputs of one task."""

from __future__ import annotations

from typing import Any

import lazy_loader

from app.models import HEADS

keras = lazy_loader.load("keras")


@HEADS("linear")
def linear(features: Any, outputs: int, name: str) -> Any:
    """One dense layer without activation, computed in float32 also under mixed precision: (N, outputs)."""
    return keras.layers.Dense(outputs, name=name, dtype="float32")(features)
