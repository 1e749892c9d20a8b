"""From a Source to three splits, and from a split to batches in an order that (seed, pass) alone decides."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import PurePath
from typing import Any

import lazy_loader
import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, nearest, unknown
from datasets._event_hash import hash_rows, part_of
from datasets._events import Array, Augment, Events, Source
from datasets._options import PARTS, DatasetOptions, Split
from datasets._sparse import cuts, rows_at_once

tf = lazy_loader.load("tensorflow")

BLOCKS_PER_WINDOW, ROWS_PER_WINDOW = 4, 2048
"""At least so many blocks, and of small ones so many that they have these rows, are shuffled together."""
BATCHES_AHEAD, BYTES_AHEAD = 4, 2**28
"""Batches wait for the network, of large images fewer, but one at least."""
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
    for read, places in zip(source.blocks, _assignments(source, options.split), strict=True):
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


Places = NDArray[np.intp]


def _select(events: Events, *, places: Callable[[Events], Places], part: int, room: int | None) -> Events:
    return events[np.flatnonzero(places(events) == part)[:room]]


def _assignments(source: Source, options: Split) -> list[Callable[[Events], Places]]:
    """Return for each block the function that gives 0, 1 or 2 (train, validation, test) for each of its events."""
    if options.files is None:
        return [partial(_by_hash, source=source, options=options)] * len(source.blocks)
    place = {file: _part_of(file, options.files) for file in dict.fromkeys(source.files)}
    _require_used(options.files, place)
    return [partial(_all_in, part=place[file]) for file in source.files]


def _by_hash(events: Events, source: Source, options: Split) -> Places:
    key = events.key if options.key is None else hash_rows(_key_columns(events, source, options.key))
    return part_of(key, options.seed, options.train, options.validation)


def _all_in(events: Events, part: int) -> Places:
    return np.full(len(events), part, np.intp)


def _part_of(file: str, patterns: Mapping[str, Sequence[str]]) -> int:
    """Every file belongs to exactly one split: one that nobody uses, or that two use, is a mistake."""
    found = [part for part in PARTS if any(_matches(file, pattern) for pattern in patterns.get(part, ()))]
    if len(found) != 1:
        what = f"{file} is in the splits {' and '.join(found)}" if found else f"{file} is in no split"
        raise UserError(Problem(what, ("dataset", "split", "files"), expected="each file to be in one split"))
    return PARTS.index(found[0])


def _require_used(patterns: Mapping[str, Sequence[str]], files: Iterable[str]) -> None:
    for part, position, pattern in [(p, i, text) for p, texts in patterns.items() for i, text in enumerate(texts)]:
        if not any(_matches(file, pattern) for file in files):
            where = ("dataset", "split", "files", part, position)
            names = [PurePath(file).name for file in files]
            near = nearest(pattern, names)
            raise UserError(Problem("the pattern matches no file", where, near, f"files among {names}", pattern))


def _matches(file: str, pattern: str) -> bool:
    return PurePath(file).match(os.path.expandvars(pattern))


def _key_columns(events: Events, source: Source, names: Sequence[str]) -> list[Array]:
    """Return the columns of the key: targets and extras by name, then input columns that are none of those."""
    inputs = {
        column.name: events.inputs[name][..., i]
        for name, tensor in source.inputs.items()
        if len(tensor.shape) == 1
        for i, column in enumerate(tensor.columns)
    }
    known = {**inputs, **events.columns}
    for position, name in enumerate(names):
        if name not in known:
            raise UserError(unknown("column", name, sorted(known), ("dataset", "split", "key", position)))
    return [known[name] for name in names]


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
    windows = tf.data.Dataset.from_generator(
        lambda: _prepared(part.windows(seed, first_row), prepare), output_signature=signature
    )
    whole = windows.prefetch(1).rebatch(batch_size, drop_remainder=True)
    return _untuned(whole.prefetch(_ahead(signature, batch_size)))


def ordered(part: Part, prepare: Prepare, batch_size: int) -> Any:
    """Return a finite tf.data.Dataset over the split in its stored order."""
    signature = _signature(part, prepare)
    stored = tf.data.Dataset.from_generator(lambda: _prepared(part, prepare), output_signature=signature)
    number = tf.data.experimental.assert_cardinality(-(-part.rows // batch_size))
    whole = stored.rebatch(batch_size, drop_remainder=False).apply(number)
    return _untuned(whole.prefetch(_ahead(signature, batch_size)))


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
    row = sum(spec.dtype.size * spec.shape[1:].num_elements() for spec in tf.nest.flatten(signature))
    return int(min(BATCHES_AHEAD, max(1, BYTES_AHEAD // max(row * batch_size, 1))))


def _signature(part: Part, prepare: Prepare) -> Any:
    _require_events(part)
    first = next(iter(part))[:1]
    return tf.nest.map_structure(lambda a: tf.TensorSpec((None, *a.shape[1:]), a.dtype), prepare(first))
