"""From a split to batches: endless and shuffled for training, or once in the stored order."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from app.core.libraries import tf
from datasets.pipeline.arrays import Jagged, cuts, rows_at_once
from datasets.pipeline.events import Events
from datasets.pipeline.split import Part

BATCHES_AHEAD, BYTES_AHEAD = 4, 2**28
"""Batches that wait for the network, and the most bytes that they take; at least one batch waits."""
MANY_ROWS = 512
"""The assumed number of rows of a jagged event."""
Batch = tuple[Mapping[str, Any], ...]
Prepare = Callable[[Events], Batch]


def shuffled_batches(part: Part, prepare: Prepare, batch_size: int, seed: int, first_row: int = 0) -> Any:
    """Return an endless tf.data.Dataset of training batches of exactly `batch_size` events.

    Args:
        part: the training split.
        prepare: turns Events into (inputs, targets[, weights]), dictionaries of arrays.
        batch_size: events in a batch; a batch may span two passes, so that all have one shape.
        seed: seed of the order.
        first_row: how many events were used before, for a training that continues.
    """
    signature = _signature(part, prepare)
    dataset = _batched(partial(part.windows, seed, first_row), prepare, batch_size, signature, endless=True)
    return _prefetched(dataset, signature, batch_size)


def ordered_batches(part: Part, prepare: Prepare, batch_size: int) -> Any:
    """Return a finite tf.data.Dataset over the split in its stored order."""
    signature = _signature(part, prepare)
    number = tf.data.experimental.assert_cardinality(-(-part.rows // batch_size))
    dataset = _batched(partial(iter, part), prepare, batch_size, signature, endless=False).apply(number)
    return _prefetched(dataset, signature, batch_size)


def _batched(
    blocks: Callable[[], Iterator[Events]], prepare: Prepare, batch_size: int, signature: Any, endless: bool
) -> Any:
    """Return the dataset of batches of `batch_size` events; jagged ones are cut before they are padded."""
    if any(spec.shape[1:].rank and spec.shape[1] is None for spec in signature[0].values()):
        return tf.data.Dataset.from_generator(
            lambda: map(prepare, regroup(blocks(), batch_size)), output_signature=signature
        )

    def prepare_bounded() -> Iterator[Batch]:  # what is sparse in a block is dense afterwards
        for events in blocks():
            size = rows_at_once(list(events.inputs.values()))
            yield from (prepare(events if size >= len(events) else events[cut]) for cut in cuts(len(events), size))

    prepared = tf.data.Dataset.from_generator(prepare_bounded, output_signature=signature)
    return (prepared.prefetch(1) if endless else prepared).rebatch(batch_size, drop_remainder=endless)


def regroup(blocks: Iterable[Events], size: int) -> Iterator[Events]:
    """Yield the events of all blocks in order, `size` at a time, and what is left in the end."""
    rest: list[Events] = []
    for events in blocks:
        events = Events.concatenate([*rest, events])
        whole = len(events) // size * size
        yield from (events[first : first + size] for first in range(0, whole, size))
        rest = [events[whole:]]
    yield from (events for events in rest if len(events))


def _prefetched(dataset: Any, signature: Any, batch_size: int) -> Any:
    """Prefetch without autotuning: there is nothing to tune, and an iterator's end waits up to 2.56 s for the tuner."""
    row = sum(
        spec.dtype.size * math.prod(n or MANY_ROWS for n in spec.shape[1:]) for spec in tf.nest.flatten(signature)
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    ahead = int(min(BATCHES_AHEAD, max(1, BYTES_AHEAD // max(row * batch_size, 1))))
    return dataset.prefetch(ahead).with_options(options)


def _signature(part: Part, prepare: Prepare) -> Any:
    """Return the tf.TensorSpec of what `prepare` gives, with the events (and rows of jagged events) left open."""
    part.require_events()
    first = next(iter(part))[:1]
    inputs, *others = prepare(first)

    def describe(array: Any, free: int = 1) -> Any:
        return tf.TensorSpec((*[None] * free, *array.shape[free:]), array.dtype)

    jagged = {name: 2 if isinstance(array, Jagged) else 1 for name, array in first.inputs.items()}
    specs = {name: describe(array, jagged[name]) for name, array in inputs.items()}
    return specs, *(tf.nest.map_structure(describe, other) for other in others)
