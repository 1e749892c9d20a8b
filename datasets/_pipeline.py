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
from datasets._events import Array, Events, Source
from datasets._options import PARTS, DatasetOptions, Split

tf = lazy_loader.load("tensorflow")

BLOCKS_PER_WINDOW = 4
BATCHES_AHEAD = 4
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
        bits = (np.asarray(column, np.float64) + 0.0).view(np.uint64)  # + 0.0 because -0.0 equals 0.0
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
    """Read the source once and assign every event to a split.

    Args:
        source: where the events come from.
        options: shares, seed and key of the split; with `streaming` the events are read again when needed.
        limit: keep at most so many events of each split, for a smoke run.
    """
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
    return Splits(**{name: Part(*content) for name, content in parts.items()})


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
    uniform = mix(key, options.seed) / 2.0**64
    return np.searchsorted(np.cumsum([options.train, options.validation]), uniform, side="right")


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
    windows = tf.data.Dataset.from_generator(
        lambda: map(prepare, part.windows(seed, first_row)), output_signature=_signature(part, prepare)
    )
    return _untuned(windows.prefetch(1).rebatch(batch_size, drop_remainder=True).prefetch(BATCHES_AHEAD))


def ordered(part: Part, prepare: Prepare, batch_size: int) -> Any:
    """Return a finite tf.data.Dataset over the split in its stored order."""
    signature = _signature(part, prepare)
    stored = tf.data.Dataset.from_generator(lambda: map(prepare, part), output_signature=signature)
    number = tf.data.experimental.assert_cardinality(-(-part.rows // batch_size))
    return _untuned(stored.rebatch(batch_size, drop_remainder=False).apply(number).prefetch(BATCHES_AHEAD))


def _untuned(dataset: Any) -> Any:
    """Switch autotuning off: there is nothing to tune, and an iterator's end waits up to 2.56 s for the tuner."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _signature(part: Part, prepare: Prepare) -> Any:
    _require_events(part)
    first = next(iter(part))[:1]
    return tf.nest.map_structure(lambda a: tf.TensorSpec((None, *a.shape[1:]), a.dtype), prepare(first))
