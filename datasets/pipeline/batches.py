"""From a Source to three splits, and from a split to batches in an order that (seed, pass) alone decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from app.core.errors import Problem, UserError
from app.core.libraries import tf
from datasets.pipeline.events import Augment, Events, Source
from datasets.pipeline.jagged import Jagged
from datasets.pipeline.options import PARTS, DatasetOptions
from datasets.pipeline.sparse import cuts, rows_at_once
from datasets.pipeline.split import Places, assignments

BLOCKS_PER_WINDOW, ROWS_PER_WINDOW = 4, 2048
"""At least so many blocks, and of small ones so many that they have these rows, are shuffled together."""
BATCHES_AHEAD, BYTES_AHEAD = 4, 2**28
"""Batches wait for the network, of large images fewer, but one at least."""
MANY_ROWS = 512
"""So many are taken for the rows of a jagged event."""
Batch = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Part:
    """One split: the functions that give its rows of each block, and how many rows those are.

    `augment` acts on what `windows` yields, i.e. on training alone.
    """

    blocks: Sequence[Callable[[], Events]]
    counts: Sequence[int]
    augment: Augment | None = None

    @property
    def rows(self) -> int:
        """The number of events."""
        return sum(self.counts)

    def __iter__(self) -> Iterator[Events]:
        return (read() for read, rows in zip(self.blocks, self.counts, strict=True) if rows)

    def events(self) -> Events:
        """Return all events at once; raises UserError when there are none."""
        _require_events(self)
        return Events.concatenate(list(self))

    def windows(self, seed: int, first_row: int = 0) -> Iterator[Events]:
        """Yield shuffled events for ever, beginning `first_row` rows into the endless stream of passes.

        Pass k visits every event once. Its order is a function of (seed, k) alone: the blocks are permuted, and the
        rows within each window of consecutive blocks. Streaming and in-memory data therefore give the same batches,
        and a stopped training goes on exactly where it was.
        """
        _require_events(self)
        skip = first_row % self.rows
        for number in count(first_row // self.rows):
            yield from self._one_pass(seed, number, skip)
            skip = 0

    def _one_pass(self, seed: int, number: int, skip: int) -> Iterator[Events]:
        generator = np.random.default_rng([seed, number])
        augmenting = np.random.default_rng([seed, number, 1])  # of its own: the order is the same without it
        for window in self._windows_of(generator.permutation(np.flatnonzero(self.counts))):
            count = sum(self.counts[b] for b in window)
            rows = generator.permutation(count)[skip:]
            bits = augmenting.integers(0, 2**64, count, np.uint64)[skip:] if self.augment else None
            skip = max(0, skip - count)
            if len(rows):
                events = Events.concatenate([self.blocks[b]() for b in window])[rows]
                yield events if self.augment is None or bits is None else self.augment(events, bits)

    def _windows_of(self, order: Iterable[int]) -> Iterator[list[int]]:
        window: list[int] = []
        for block in order:
            window.append(block)
            if len(window) >= BLOCKS_PER_WINDOW and sum(self.counts[b] for b in window) >= ROWS_PER_WINDOW:
                yield window
                window = []
        if window:
            yield window


def _require_events(part: Part) -> None:
    if not part.rows:
        raise UserError(Problem("the split is empty", ("dataset", "split"), expected="at least one event"))


@dataclass(frozen=True)
class Splits:
    """The three parts of a source."""

    train: Part
    validation: Part
    test: Part


def split(source: Source, options: DatasetOptions, limit: int | None = None) -> Splits:
    """Read the source once and assign every event to a split, of which at most `limit` are kept, for a smoke run."""
    parts: dict[str, tuple[list[Callable[[], Events]], list[int]]] = {name: ([], []) for name in PARTS}
    for read, places in zip(source.blocks, assignments(source, options.split), strict=True):
        events = read()
        for index, name in enumerate(PARTS):
            blocks, counts = parts[name]
            room = None if limit is None else max(0, limit - sum(counts))
            select = partial(_select, places=places, part=index, room=room)
            chosen = select(events)
            blocks.append(partial(_reread, read, select) if options.streaming else partial(_same, chosen))
            counts.append(len(chosen))
        if limit is not None and all(sum(counts) >= limit for _, counts in parts.values()):
            break
    augment = {"train": source.augment}
    return Splits(**{name: Part(*content, augment.get(name)) for name, content in parts.items()})


def _reread(read: Callable[[], Events], select: Callable[[Events], Events]) -> Events:
    return select(read())


def _same(events: Events) -> Events:
    return events


def _select(events: Events, *, places: Callable[[Events], Places], part: int, room: int | None) -> Events:
    return events[np.flatnonzero(places(events) == part)[:room]]


Prepare = Callable[[Events], Batch]


def batches(part: Part, prepare: Prepare, batch_size: int, seed: int, first_row: int = 0) -> Any:
    """Return an endless tf.data.Dataset of training batches of exactly `batch_size` events.

    Args:
        part: the training split.
        prepare: turns Events into (inputs, targets[, weights]), dictionaries of arrays.
        batch_size: events in a batch; a batch may span two passes, so that all have one shape.
        seed: seed of the order.
        first_row: how many events were used before, for a training that goes on.
    """
    signature = _signature(part, prepare)
    whole = _whole(partial(part.windows, seed, first_row), prepare, batch_size, signature, endless=True)
    return _untuned(whole.prefetch(_ahead(signature, batch_size)))


def ordered(part: Part, prepare: Prepare, batch_size: int) -> Any:
    """Return a finite tf.data.Dataset over the split in its stored order."""
    signature = _signature(part, prepare)
    number = tf.data.experimental.assert_cardinality(-(-part.rows // batch_size))
    whole = _whole(partial(iter, part), prepare, batch_size, signature, endless=False).apply(number)
    return _untuned(whole.prefetch(_ahead(signature, batch_size)))


def _whole(
    blocks: Callable[[], Iterator[Events]], prepare: Prepare, batch_size: int, signature: Any, endless: bool
) -> Any:
    """Return the dataset of batches of `batch_size` events; jagged ones are cut before they are padded."""
    if any(spec.shape[1:].rank and spec.shape[1] is None for spec in signature[0].values()):
        return tf.data.Dataset.from_generator(
            lambda: map(prepare, _of_size(blocks(), batch_size)), output_signature=signature
        )
    prepared = tf.data.Dataset.from_generator(lambda: _prepared(blocks(), prepare), output_signature=signature)
    return (prepared.prefetch(1) if endless else prepared).rebatch(batch_size, drop_remainder=endless)


def _of_size(blocks: Iterable[Events], size: int) -> Iterator[Events]:
    """Yield the events of all blocks in order, `size` at a time, and what is left in the end."""
    rest: list[Events] = []
    for events in blocks:
        events = Events.concatenate([*rest, events])
        whole = len(events) // size * size
        yield from (events[first : first + size] for first in range(0, whole, size))
        rest = [events[whole:]]
    yield from (events for events in rest if len(events))


def _prepared(blocks: Iterable[Events], prepare: Prepare) -> Iterator[Batch]:
    """Prepare a bounded number of events at a time: what is sparse in a block is dense afterwards."""
    for events in blocks:
        size = rows_at_once(list(events.inputs.values()))
        yield from (prepare(events if size >= len(events) else events[cut]) for cut in cuts(len(events), size))


def _untuned(dataset: Any) -> Any:
    """Switch autotuning off: there is nothing to tune, and an iterator's end waits up to 2.56 s for the tuner."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _ahead(signature: Any, batch_size: int) -> int:
    specs = tf.nest.flatten(signature)
    row = sum(spec.dtype.size * math.prod(n or MANY_ROWS for n in spec.shape[1:]) for spec in specs)
    return int(min(BATCHES_AHEAD, max(1, BYTES_AHEAD // max(row * batch_size, 1))))


def _signature(part: Part, prepare: Prepare) -> Any:
    _require_events(part)
    first = next(iter(part))[:1]
    inputs, *others = prepare(first)
    jagged = {name: 2 if isinstance(array, Jagged) else 1 for name, array in first.inputs.items()}
    specs = {name: _spec(array, jagged[name]) for name, array in inputs.items()}
    return specs, *(tf.nest.map_structure(_spec, other) for other in others)


def _spec(array: Any, free: int = 1) -> Any:
    return tf.TensorSpec((*[None] * free, *array.shape[free:]), array.dtype)
