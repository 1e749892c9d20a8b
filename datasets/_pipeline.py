"""From a Source to three splits, and from a split to batches in an order that (seed, pass) alone decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import PurePath
from typing import Any

import lazy_loader
import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, unknown
from datasets._events import Array, Events, Source
from datasets._options import PARTS, DatasetOptions, Split

tf = lazy_loader.load("tensorflow")

BLOCKS_PER_WINDOW = 4
Batch = tuple[Mapping[str, Any], ...]


def mix(values: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return splitmix64 hashes of `values`, a different family for each seed.

    References:
        G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators, doi:10.1145/2660193.2660195.
    """
    golden = 0x9E3779B97F4A7C15
    z = values + np.uint64((golden * (2 * seed + 1)) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hash_rows(columns: Sequence[Array]) -> NDArray[np.uint64]:
    """Return a key per row from the bytes of its values: equal rows get equal keys, whatever file they stand in."""
    key = np.zeros(len(columns[0]), np.uint64)
    for position, column in enumerate(columns):
        bits = np.ascontiguousarray(column, np.float64).view(np.uint64)
        key = mix(key ^ bits, position)
    return key


@dataclass(frozen=True)
class Part:
    """One split: the functions that give its rows of each block, and how many rows those are."""

    blocks: Sequence[Callable[[], Events]]
    counts: Sequence[int]

    @property
    def rows(self) -> int:
        """The number of events."""
        return sum(self.counts)

    def __iter__(self) -> Iterator[Events]:
        return (read() for read, rows in zip(self.blocks, self.counts, strict=True) if rows)

    def events(self) -> Events:
        """Return all events at once."""
        return Events.concatenate(list(self))

    def windows(self, seed: int, first_row: int = 0) -> Iterator[Events]:
        """Yield shuffled events for ever, beginning `first_row` rows into the endless stream of passes.

        Pass k visits every event once. Its order is a function of (seed, k) alone: the blocks are permuted, and the
        rows within each window of consecutive blocks. Streaming and in-memory data therefore give the same batches,
        and a stopped training goes on exactly where it was.
        """
        if not self.rows:
            raise UserError(
                Problem("no events to train on", ("dataset", "split", "train"), expected="at least one event")
            )
        skip = first_row % self.rows
        for number in count(first_row // self.rows):
            yield from self._one_pass(np.random.default_rng([seed, number]), skip)
            skip = 0

    def _one_pass(self, generator: np.random.Generator, skip: int) -> Iterator[Events]:
        order = generator.permutation(np.flatnonzero(self.counts))
        for first in range(0, len(order), BLOCKS_PER_WINDOW):
            window = order[first : first + BLOCKS_PER_WINDOW]
            rows = generator.permutation(sum(self.counts[b] for b in window))[skip:]
            skip = max(0, skip - sum(self.counts[b] for b in window))
            if len(rows):
                yield Events.concatenate([self.blocks[b]() for b in window])[rows]


@dataclass(frozen=True)
class Splits:
    """The three parts of a source."""

    train: Part
    validation: Part
    test: Part


def split(source: Source, options: DatasetOptions, limit: int | None = None) -> Splits:
    """Read the source once and assign every event to a split.

    Args:
        source: where the events come from.
        options: shares, seed and key of the split; with `streaming` the events are read again when needed.
        limit: keep at most so many events of each split, for a smoke run.
    """
    parts: dict[str, tuple[list[Callable[[], Events]], list[int]]] = {name: ([], []) for name in PARTS}
    for position, read in enumerate(source.blocks):
        events = read()
        for index, name in enumerate(PARTS):
            blocks, counts = parts[name]
            room = None if limit is None else max(0, limit - sum(counts))
            select = partial(_select, source=source, options=options.split, block=position, part=index, room=room)
            chosen = select(events)
            blocks.append(partial(_reread, read, select) if options.streaming else partial(_same, chosen))
            counts.append(len(chosen))
        if limit is not None and all(sum(counts) >= limit for _, counts in parts.values()):
            break
    return Splits(**{name: Part(*content) for name, content in parts.items()})


def _reread(read: Callable[[], Events], select: Callable[[Events], Events]) -> Events:
    return select(read())


def _same(events: Events) -> Events:
    return events


def _select(events: Events, *, source: Source, options: Split, block: int, part: int, room: int | None) -> Events:
    return events[np.flatnonzero(_places(events, source, options, block) == part)[:room]]


def _places(events: Events, source: Source, options: Split, block: int) -> NDArray[np.intp]:
    """Return 0, 1 or 2 for train, validation or test; -1 for none."""
    if options.files is not None:
        return np.full(len(events), _place_of_file(source.files[block], options), np.intp)
    key = events.key if options.key is None else hash_rows([_column(events, name) for name in options.key])
    uniform = mix(key, options.seed) / 2.0**64
    edges = np.cumsum([options.train, options.validation])
    return np.searchsorted(edges, uniform, side="right")


def _place_of_file(file: str, options: Split) -> int:
    for index, part in enumerate(PARTS):
        if any(PurePath(file).match(pattern) for pattern in (options.files or {}).get(part, ())):
            return index
    return -1


def _column(events: Events, name: str) -> Array:
    if name not in events.columns:
        raise UserError(unknown("column", name, sorted(events.columns), ("dataset", "split", "key")))
    return events.columns[name]


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
    windows = tf.data.Dataset.from_generator(
        lambda: map(prepare, part.windows(seed, first_row)), output_signature=_signature(part, prepare)
    )
    return windows.prefetch(1).rebatch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def ordered(part: Part, prepare: Prepare, batch_size: int) -> Any:
    """Return a finite tf.data.Dataset over the split in its stored order."""
    signature = _signature(part, prepare)
    stored = tf.data.Dataset.from_generator(lambda: map(prepare, part), output_signature=signature)
    number = tf.data.experimental.assert_cardinality(-(-part.rows // batch_size))
    return stored.rebatch(batch_size, drop_remainder=False).apply(number).prefetch(tf.data.AUTOTUNE)


def _signature(part: Part, prepare: Prepare) -> Any:
    first = next(iter(part))[:1]
    return tf.nest.map_structure(lambda a: tf.TensorSpec((None, *a.shape[1:]), a.dtype), prepare(first))
