"""Whether the splits of a job are really apart: no event, and no image, on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.runtime.console import table
from datasets.pipeline.arrays import Sparse
from datasets.pipeline.event_keys import hash_images, hash_pixels, mix
from datasets.pipeline.events import Events
from datasets.pipeline.options import PARTS
from datasets.pipeline.split import Part, Splits

Keys = NDArray[np.uint64]


def show_splits(splits: Splits) -> None:
    """Print how many events each split has, and how many of them have a key or inputs that another split has too."""
    table("splits", ["split", "events", "distinct keys", "keys elsewhere", "inputs elsewhere"], compared(splits))


def compared(splits: Splits) -> list[list[str]]:
    """Return the rows of the table; clusters of one event share a key, so that they are in one split."""
    found = {name: _hashes(getattr(splits, name)) for name in PARTS}
    rows = []
    for name, (key, content) in found.items():
        others = [found[other] for other in PARTS if other != name]
        counts = [np.isin(key, np.concatenate([k for k, _ in others])).sum()]
        counts += [np.isin(content, np.concatenate([c for _, c in others])).sum()]
        rows.append([name, *(f"{n:,}" for n in (len(key), len(np.unique(key)), *counts))])
    return rows


def _hashes(part: Part) -> tuple[Keys, Keys]:
    both = [(events.key, hash_inputs(events)) for events in part]
    empty = np.empty(0, np.uint64)
    return tuple(np.concatenate([empty, *one]) for one in zip(*both, strict=True)) if both else (empty, empty)  # type: ignore[return-value]


def hash_inputs(events: Events) -> Keys:
    """Return a key per event from all its inputs, equal for equal inputs, (N,)."""
    key = np.zeros(len(events), np.uint64)
    for position, values in enumerate(events.inputs.values()):
        if isinstance(values, Sparse):
            pixels = values.matrix
            event = np.repeat(np.arange(len(values)), np.diff(pixels.indptr))
            content = hash_pixels(event, pixels.indices.astype(np.uint64), pixels.data, len(values))
        else:
            content = hash_images(np.asarray(values, np.float32))
        key = mix(key ^ content, position)
    return key
