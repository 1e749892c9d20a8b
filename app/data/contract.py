"""What every dataset has to keep, the user's own too: tried on files, one line for each rule."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.catalog import Spec
from app.core.errors import Problem, UserError
from app.data.changed_files import check_fingerprint
from app.data.job_report import hash_inputs
from app.data.loading import make_batch
from datasets import DATASETS
from datasets.pipeline.arrays import Jagged, dense_parts
from datasets.pipeline.batches import regroup
from datasets.pipeline.checked import open_source
from datasets.pipeline.event_keys import hash_rows
from datasets.pipeline.events import Events, Source
from datasets.pipeline.options import PARTS
from datasets.pipeline.split import split

Keys = NDArray[np.uint64]
ROWS_OF_SPLITS, ROWS_OF_BATCHES = 20_000, 32
"""Events of each split, and of batches, that are compared."""


@dataclass
class Reading:
    """Keys of all events, hashes of all that is in them, and how many have something that no network can learn from."""

    keys: list[Keys] = field(default_factory=list)
    contents: list[Keys] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    without_rows: Counter[str] = field(default_factory=Counter)

    @property
    def events(self) -> NDArray[np.uint64]:
        """Key and content of each event, (N, 2)."""
        nothing = [np.empty(0, np.uint64)]
        return np.stack([np.concatenate(nothing + self.keys), np.concatenate(nothing + self.contents)], axis=-1)

    def add(self, events: Events, source: Source, targets: Sequence[str]) -> None:
        """Add a block of events."""
        self.keys.append(events.key)
        columns = [values for _, values in sorted(events.columns.items())]
        self.contents.append(hash_inputs(events) ^ hash_rows(columns or [events.key]))
        for name, tensor in source.inputs.items():
            array = events.inputs[name]
            if isinstance(array, Jagged):
                self.without_rows[name] += int((array.counts == 0).sum())
            if tensor.layer is None:  # a layer of the model's may know what to do with NaN
                self.broken[name] += sum(int((~np.isfinite(part)).sum()) for part in dense_parts(array))
        for name in targets:
            self.broken[name] += int((~np.isfinite(events.columns[name])).sum())


def read_all(source: Source, targets: Sequence[str] = ()) -> Reading:
    """Read all blocks once."""
    reading = Reading()
    for events in source:
        reading.add(events, source, targets)
    return reading


@dataclass(frozen=True)
class Subject:
    """A dataset and files of its kind; `targets` are those that have to be finite, None for all."""

    spec: Spec[Source]
    files: Sequence[Path]
    targets: Sequence[str] | None = None

    @cached_property
    def source(self) -> Source:
        """The source of the files."""
        return open_source(self.spec, self.files)

    @cached_property
    def reading(self) -> Reading:
        """What all of its blocks hold."""
        return read_all(self.source, list(self.source.targets) if self.targets is None else self.targets)


def check_source(subject: Subject) -> str:
    """What the Source says of itself."""
    inputs = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in subject.source.inputs.items())
    return f"inputs {inputs}; targets {', '.join(subject.source.targets) or 'none'}"


def check_blocks(subject: Subject) -> str:
    """Shapes, types and columns of each block."""
    return f"{len(subject.reading.keys)} with the shapes, types and columns that the Source names"


def check_rows(subject: Subject) -> str:
    """The number of events; every event has rows where their number differs."""
    number = len(subject.reading.events)
    if not number:
        raise UserError(Problem("no events in these files", ("rows",), expected="at least one event"))
    for name, count in subject.reading.without_rows.items():
        if count:
            what = f"{count:,} of {number:,} events have no row"
            raise UserError(Problem(what, ("inputs", name), expected="at least one row in each event"))
    return f"{number:,} events" + f" of {subject.source.rows:,} rows; reading selects" * subject.source.selects


def check_keys(subject: Subject) -> str:
    """Each event has a key of its own, unless the Source says that they are shared."""
    events, shared = subject.reading.events, subject.source.shared_keys
    kind = "twice, with key and content" if shared else "with a key that another event has"
    rows, counts = np.unique(events if shared else events[:, :1], axis=0, return_counts=True)
    if len(rows) < len(events):
        what = f"{len(events) - len(rows):,} of {len(events):,} events are there {kind}"
        expected = "a key of its own for each event, or shared_keys=True where several have to be in one split"
        raise UserError(Problem(what, ("key",), expected=expected, received=int(rows[np.argmax(counts > 1), 0])))
    keys = len(np.unique(events[:, 0]))
    if keys == 1 < len(events):
        raise UserError(Problem("all events have one key", ("key",), expected="several, which are split"))
    return f"{keys:,} different" + f" of {len(events):,} events" * shared


def check_values(subject: Subject) -> str:
    """Inputs without a layer of their own and targets are finite."""
    mistakes = [
        Problem(f"{count:,} values are not finite", (name,), expected="finite numbers")
        for name, count in subject.reading.broken.items()
        if count
    ]
    if mistakes:
        raise UserError(*mistakes)
    return f"finite: {', '.join(subject.reading.broken)}"


def check_openings(subject: Subject) -> str:
    """A second opening gives the same events in the same order."""
    again = open_source(subject.spec, subject.files)
    compare(subject.reading.events, read_all(again).events, "when the files are opened again")
    if again.fingerprint != subject.source.fingerprint:
        what, expected = "another one when the files are opened again", subject.source.fingerprint
        raise UserError(Problem(what, ("fingerprint",), expected=expected, received=again.fingerprint))
    return "the same events when the files are opened again"


def check_batches(subject: Subject) -> str:
    """An event is the same in a batch of its own and among others."""
    few = next(regroup(subject.source, ROWS_OF_BATCHES))[:ROWS_OF_BATCHES]
    (many,) = make_batch(few, {})[:1]
    for row in range(len(few)):
        (single,) = make_batch(few[row : row + 1], {})[:1]
        for name, array in single.items():
            one, other = array[0], many[name][row]
            common = len(one) if one.ndim else None  # padded to the longest event of each batch
            if not np.array_equal(one, other[:common] if common else other, equal_nan=True):
                raise UserError(Problem(f"event {row} differs alone and in a batch", ("inputs", name)))
    return f"of 1 and of {len(few)} events are equal"


def check_streaming(subject: Subject) -> str:
    """The splits hold the same events in memory and read again."""
    parts = {}
    for streaming in (False, True):
        options = subject.spec.options.model_copy(update={"streaming": streaming})
        found = split(subject.source, options, ROWS_OF_SPLITS)
        parts[streaming] = [read_all_parts(getattr(found, name), subject.source) for name in PARTS]
    for name, one, other in zip(PARTS, parts[False], parts[True], strict=True):
        compare(one, other, f"of the split {name} when they are streamed")
    return ", ".join(f"{name} {len(one):,}" for name, one in zip(PARTS, parts[True], strict=True))


def read_all_parts(part: Any, source: Source) -> NDArray[np.uint64]:
    """Return key and content of the events of a split, (N, 2)."""
    reading = Reading()
    for events in part:
        reading.add(events, source, ())
    return reading.events


def check_order(subject: Subject) -> str:
    """Keys do not depend on the order of the files, nor on where blocks begin."""
    content, done = subject.spec.dump(), []
    if len(subject.files) > 1:
        done.append(("files in another order", subject.spec, subject.files[::-1]))
    third = {"block_size": max(1, subject.source.rows // 3), "blocks": 3}
    for name in third.keys() & subject.spec.parameters.keys():
        done.append(("other blocks", DATASETS.parse({**content, name: third[name]}), subject.files))
    for what, spec, files in done:
        one, other = subject.reading.events, read_all(open_source(spec, files)).events
        compare(one[np.lexsort(one.T)], other[np.lexsort(other.T)], f"with {what}")
    return f"the same with {' and '.join(what for what, _, _ in done)}" if done else "one file in blocks of one size"


def compare(one: NDArray[np.uint64], other: NDArray[np.uint64], when: str) -> None:
    """Raise UserError where events, (N, 2) of key and content, differ."""
    if one.shape != other.shape:
        received = f"{len(other):,} events"
        raise UserError(Problem(f"other events {when}", expected=f"{len(one):,} events", received=received))
    wrong = (one != other).any(axis=0)
    if wrong.any():
        rows = int((one != other).any(axis=1).sum())
        part = "keys" if wrong[0] else "values"
        what = f"{rows:,} of {len(one):,} events have other {part} {when}"
        raise UserError(Problem(what, expected="what is read to follow from the files alone"))


RULES: Mapping[str, Callable[[Subject], str]] = {
    "source": check_source,
    "blocks": check_blocks,
    "rows": check_rows,
    "keys": check_keys,
    "values": check_values,
    "openings": check_openings,
    "batches": check_batches,
    "splits": check_streaming,
    "order": check_order,
    "fingerprint": lambda subject: check_fingerprint(subject.spec, subject.files, subject.source.fingerprint),
}


def check_contract(subject: Subject) -> Iterator[tuple[str, str | UserError]]:
    """Yield each rule with what was found, or with what breaks it; without events nothing else can be tried."""
    for name, rule in RULES.items():
        try:
            yield name, rule(subject)
        except UserError as error:
            yield name, error
            if name in ("source", "blocks", "rows"):
                return
