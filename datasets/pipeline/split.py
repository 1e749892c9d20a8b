"""The three splits of a source: by a hash of each event's key or by file; their order, and their bootstrap."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError, nearest, unknown
from app.core.interruption import check
from datasets.pipeline.event_keys import fold_numbers, hash_rows, mix, split_numbers
from datasets.pipeline.events import Array, Augment, Events, Source
from datasets.pipeline.options import PARTS, DatasetOptions, Split

BLOCKS_PER_WINDOW, ROWS_PER_WINDOW = 4, 2048
"""A window that is shuffled as a whole has at least this many blocks and at least this many rows."""
MOST_REPEATS = 20
"""The bootstrap draws no event more often: the probability of 20 is 2e-19."""
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Part:
    """One split: the functions that give its rows of each block, and how many rows those are.

    `augment` changes what `windows` yields, so it acts on training only.
    """

    blocks: Sequence[Callable[[], Events]]
    counts: Sequence[int]
    augment: Augment | None = None

    @property
    def rows(self) -> int:
        """The number of events."""
        return sum(self.counts)

    def __iter__(self) -> Iterator[Events]:
        for read, rows in zip(self.blocks, self.counts, strict=True):
            if rows:
                check()
                yield read()

    def require_events(self) -> None:
        """Raise UserError when there are no events."""
        if not self.rows:
            raise UserError(Problem("the split is empty", ("dataset", "split"), expected="at least one event"))

    def events(self) -> Events:
        """Return all events at once; raises UserError when there are none."""
        self.require_events()
        return Events.concatenate(list(self))

    def windows(self, seed: int, first_row: int = 0) -> Iterator[Events]:
        """Yield shuffled events forever, starting `first_row` rows into the endless stream of passes.

        Pass k visits every event once. Its order is a function of (seed, k) alone: the blocks are permuted, and the
        rows within each window of consecutive blocks. Streaming and in-memory data therefore give the same batches,
        and a stopped training continues exactly where it was.
        """
        self.require_events()
        skip = first_row % self.rows
        for number in count(first_row // self.rows):
            generator = np.random.default_rng([seed, number])
            augmenting = np.random.default_rng([seed, number, 1])  # its own generator, which leaves the order alone
            for window in self.group_blocks(generator.permutation(np.flatnonzero(self.counts))):
                size = sum(self.counts[b] for b in window)
                rows = generator.permutation(size)[skip:]
                bits = augmenting.integers(0, 2**64, size, np.uint64)[skip:] if self.augment else None
                skip = max(0, skip - size)
                if len(rows):
                    events = Events.concatenate([self.blocks[b]() for b in window])[rows]
                    yield events if self.augment is None or bits is None else self.augment(events, bits)

    def group_blocks(self, order: Iterable[int]) -> Iterator[list[int]]:
        """Yield the numbers of the blocks in each window, in the given order."""
        window: list[int] = []
        for block in order:
            window.append(block)
            if len(window) >= BLOCKS_PER_WINDOW and sum(self.counts[b] for b in window) >= ROWS_PER_WINDOW:
                yield window
                window = []
        if window:
            yield window


@dataclass(frozen=True)
class Splits:
    """The three parts of a source."""

    train: Part
    validation: Part
    test: Part


def split(source: Source, options: DatasetOptions, limit: int | None = None) -> Splits:
    """Read the source once and assign every event to a split; keep at most `limit` events of each for a quick test run.

    Raises:
        UserError: a pattern of files that matches none, a file in no split or in two, unknown columns of the key.
    """
    parts: dict[str, tuple[list[Callable[[], Events]], list[int]]] = {name: ([], []) for name in PARTS}
    for read, places in zip(source.blocks, assign_splits(source, options.split), strict=True):
        check()
        events = read()
        numbers = places(events)
        for index, name in enumerate(PARTS):
            blocks, counts = parts[name]
            room = None if limit is None else max(0, limit - sum(counts))
            rows = np.flatnonzero(numbers == index)[:room]
            again = partial(_select, read, places, index, room)
            blocks.append(again if options.streaming else partial(Events.concatenate, [events[rows]]))
            counts.append(len(rows))
        if limit is not None and all(sum(counts) >= limit for _, counts in parts.values()):
            break
    augment = {"train": source.augment}
    return Splits(**{name: Part(*content, augment.get(name)) for name, content in parts.items()})


def _select(read: Callable[[], Events], places: Callable[[Events], Places], part: int, room: int | None) -> Events:
    events = read()
    return events[np.flatnonzero(places(events) == part)[:room]]


def assign_splits(source: Source, options: Split) -> list[Callable[[Events], Places]]:
    """Return for each block the function that gives 0, 1 or 2 (train, validation, test) for each of its events."""
    if options.files is None:

        def split_by_key(events: Events) -> Places:
            key = events.key if options.key is None else hash_rows(key_columns(events, source, options.key))
            return split_keys(key, options)

        return [split_by_key] * len(source.blocks)
    number = {file: _split_of_file(file, options.files) for file in dict.fromkeys(source.files)}
    for part, patterns in options.files.items():
        for position, pattern in enumerate(patterns):
            if not any(_matches(file, pattern) for file in number):
                where = ("dataset", "split", "files", part, position)
                names = [PurePath(file).name for file in number]
                what, near, expected = "the pattern matches no file", nearest(pattern, names), f"files among {names}"
                raise UserError(Problem(what, where, nearest=near, expected=expected, received=pattern))
    return [partial(_put_all, number[file]) for file in source.files]


def split_keys(key: NDArray[np.uint64], options: Split) -> Places:
    """Return 0, 1 or 2 (train, validation, test) for each key."""
    if options.folds is not None:
        return fold_numbers(key, options.seed, options.folds, options.fold, options.validation)
    return split_numbers(key, options.seed, options.train, options.validation)


def _put_all(part: int, events: Events) -> Places:
    return np.full(len(events), part, np.intp)


def _split_of_file(file: str, patterns: Mapping[str, Sequence[str]]) -> int:
    """Return the only split of a file; a file that no split uses, or that two use, is a mistake."""
    parts = [part for part in PARTS if any(_matches(file, pattern) for pattern in patterns.get(part, ()))]
    if len(parts) != 1:
        what = f"{file} is in the splits {' and '.join(parts)}" if parts else f"{file} is in no split"
        raise UserError(Problem(what, ("dataset", "split", "files"), expected="each file to be in one split"))
    return PARTS.index(parts[0])


def _matches(file: str, pattern: str) -> bool:
    path, wanted = PurePath(file), os.path.expandvars(pattern)
    return path.match(wanted) or path.match(glob.escape(wanted))  # a name may look like a pattern


def key_columns(events: Events, source: Source, names: Sequence[str]) -> list[Array]:
    """Return the columns of a key by name: targets and extras, then input columns that are none of those."""
    inputs = {
        column.name: events.inputs[name][..., i]
        for name, tensor in source.inputs.items()
        if tensor.flat
        for i, column in enumerate(tensor.columns)
    }
    known = {**inputs, **events.columns}
    for position, name in enumerate(names):
        if name not in known:
            raise UserError(unknown("column", name, sorted(known), ("dataset", "split", "key", position)))
    return [known[name] for name in names]


def multiplicity(key: NDArray[np.uint64], seed: int) -> NDArray[np.intp]:
    """Return how often each event is drawn: Poisson numbers with mean 1, from the key alone.

    Drawing N of N events with replacement gives numbers that follow a Poisson distribution for large N. Since they are
    made from the key, all rows of an event are drawn together whatever file it is in, and a split that is streamed
    block by block needs no count of its events beforehand.

    References:
        N. Chamandy et al., Estimating uncertainty for massive data streams, Google technical report (2012).
    """
    terms = 1.0 / np.cumprod([1.0, *range(1, MOST_REPEATS)])
    uniform = mix(mix(key, 2**31 + seed), 5) / 2.0**64
    return np.searchsorted(np.exp(-1.0) * np.cumsum(terms), uniform, side="right")


def bootstrap(part: Part, seed: int) -> Part:
    """Return the part with its events drawn with replacement; the draw is a function of the seed and their keys."""

    def draw_block(read: Callable[[], Events]) -> Events:
        events = read()
        return events[np.repeat(np.arange(len(events)), multiplicity(events.key, seed))]

    counts = [int(multiplicity(read().key, seed).sum()) for read in part.blocks]
    return replace(part, blocks=[partial(draw_block, read) for read in part.blocks], counts=counts)
