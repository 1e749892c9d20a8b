"""Mirror images of muons in layers: a muon of the other charge bends the other way, with as much probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.pipeline.events import Events

ODD = ("charge", "q_over_pt")


@dataclass(frozen=True)
class LayerMirror:
    """Mirrors each event at random: a value v of a layer becomes 2 c - v, the charge the opposite one.

    Not exact: overlaps of chambers and what is dead in them are not symmetric.

    Args:
        centres: c of each layer, (L,).
    """

    centres: NDArray[np.float32]

    def __call__(self, events: Events, bits: NDArray[np.uint64]) -> Events:
        """Return each event as it is, or its mirror image."""
        flipped = (bits & np.uint64(1)).astype(bool)
        layers = np.array(events.inputs["layers"])
        value, there = layers[..., 0], layers[..., 1] > 0
        layers[..., 0] = np.where(flipped[:, None] & there, 2.0 * self.centres - value, value)
        columns: dict[str, Any] = dict(events.columns)
        columns |= {name: np.where(flipped, -columns[name], columns[name]) for name in ODD}
        columns["positive"] = np.where(flipped, 1.0 - columns["positive"], columns["positive"]).astype(np.float32)
        return Events({**events.inputs, "layers": layers}, columns, events.key)
