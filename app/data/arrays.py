"""The events of one split for programs of a user's own: as arrays, or as a tf.data.Dataset."""

from typing import Any

from app.core.errors import UserError, unknown
from app.data.loading import Data
from datasets.pipeline.batches import Batch, ordered_batches, shuffled_batches
from datasets.pipeline.options import PARTS
from datasets.pipeline.split import Part


def read_arrays(data: Data, part: str = "train") -> Batch:
    """Return inputs {name: (N, ...)}, targets {task: (N, T)} and, where the job has a weighting, weights (N,).

    They are what `keras.Model.fit` takes, before any normalisation or transform, in the units of the source. Sparse
    images become dense, and jagged arrays are padded with zeros: (N, rows, columns).

    Args:
        data: of a job, from `load_data`.
        part: "train", "validation" or "test".

    Raises:
        UserError: there is no such split.
    """
    return data.prepare(_split(data, part).events())


def read_batches(data: Data, part: str = "train", batch_size: int = 256, seed: int = 0) -> Any:
    """Return a tf.data.Dataset of such tuples, in which N is that of a batch: read block by block, as a training does.

    Args:
        data: of a job, from `load_data`.
        part: "train" is shuffled, has no end, and all its batches are whole; the others come once, as they are stored.
        batch_size: events in a batch.
        seed: of the order of the training events.

    Raises:
        UserError: there is no such split.
    """
    chosen = _split(data, part)
    if part == "train":
        return shuffled_batches(chosen, data.prepare, batch_size, seed)
    return ordered_batches(chosen, data.prepare, batch_size)


def _split(data: Data, name: str) -> Part:
    if name not in PARTS:
        raise UserError(unknown("split", name, PARTS))
    part: Part = getattr(data.splits, name)
    return part
