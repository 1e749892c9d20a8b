"""A dataset's Source, checked as a job is: what its loader says of it at once, and each block when it is read."""

import inspect
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.core.catalog import Component, Spec
from app.core.errors import Place, Problem, UserError, WirechamberError, unknown
from datasets.files.identity import fingerprint
from datasets.files.kinds import name_kinds
from datasets.pipeline.events import Column, Events, Input, Source
from datasets.pipeline.selection import selected

logger = logging.getLogger(__name__)


def open_source(spec: Spec[Source], files: Sequence[Path]) -> Source:
    """Return the events of files as a dataset reads them and a job selects them.

    Where the dataset gives no fingerprint it is that of the files.

    Raises:
        UserError: the dataset refuses the files, or it has a mistake: the place is named with what was expected.
    """
    place = (f"dataset {spec.name}",)
    failures = partial(named_failures, place, loader_file(spec.component))
    try:
        with failures():
            source = spec.build(files)
    except UserError as error:
        raise name_kinds(error, files, spec.name, spec.component.facts.reads) from None
    mistakes = list(find_mistakes(source))
    if mistakes:
        raise UserError(*mistakes).under(*place)
    number = f"{source.rows:,} events in {len(files)} file{'s' * (len(files) > 1)}"
    checked = replace(
        source,
        fingerprint=source.fingerprint or fingerprint(files),
        description=source.description or number,
    )
    checker = Checker(checked, place)

    def read(number: int, block: Callable[[], Events]) -> Events:
        with failures():
            events = block()
        checker.check(number, events)
        return events

    blocks = [partial(read, number, block) for number, block in enumerate(source.blocks)]
    return selected(replace(checked, blocks=blocks), spec.options.selection)


def loader_file(component: Component[Any]) -> str:
    """Return the file in which a loader is written."""
    code = getattr(inspect.unwrap(component.call), "__code__", None)
    return getattr(code, "co_filename", "")


@contextmanager
def named_failures(place: Place, file: str) -> Iterator[None]:
    """Turn what a loader raises into one line that names the line of its file; mistakes of the user stay as they are.

    Args:
        place: of the dataset, for the message.
        file: the loader's.
    """
    try:
        yield
    except (WirechamberError, MemoryError):
        raise
    except Exception as error:
        logger.debug("the dataset fails", exc_info=True)
        frames = traceback.extract_tb(error.__traceback__)
        frame = next((frame for frame in reversed(frames) if frame.filename == file), frames[-1])
        where = f"{Path(frame.filename).name}, line {frame.lineno} ({frame.line})"
        what = f"{type(error).__name__}: {error} in {where}"
        raise UserError(Problem(what, place, expected="a loader that reads these files")) from error


def find_mistakes(source: Any) -> Iterator[Problem]:
    """Yield what is wrong with what a loader says of its events."""
    if not isinstance(source, Source):
        yield Problem("the function returns no Source", expected="a Source", received=type(source).__name__)
        return
    for part, kind in (("inputs", Input), ("targets", Column), ("extras", Column), ("truth", Input)):
        named = getattr(source, part)
        if not isinstance(named, Mapping) or (part == "inputs" and not named):
            yield Problem("names nothing", (part,), expected=f"{{name: {kind.__name__}}}", received=named)
            continue
        for name, value in named.items():
            if not isinstance(value, kind):
                yield Problem("of another type", (part, name), expected=kind.__name__, received=value)
            elif isinstance(value, Input):
                yield from find_mistakes_of_input(value, (part, name))
    for name in source.targets.keys() & source.extras.keys():
        yield Problem("is a target as well", ("extras", name), expected="each column once")
    if not source.blocks or not all(callable(block) for block in source.blocks):
        yield Problem("not functions that read events", ("blocks",), expected="one function for each block of events")
    if len(source.files) != len(source.blocks):
        expected = f"the file of each of the {len(source.blocks)} blocks"
        yield Problem("another number than of blocks", ("files",), expected=expected, received=len(source.files))
    if not isinstance(source.rows, int | np.integer) or source.rows < 0:
        yield Problem("not a number of events", ("rows",), expected="the events in all blocks", received=source.rows)
    if not isinstance(source.fingerprint, str):
        yield Problem("not a text", ("fingerprint",), expected="a hash, or none", received=source.fingerprint)


def find_mistakes_of_input(tensor: Input, place: Place) -> Iterator[Problem]:
    """Yield what is wrong with the shape and the columns of an input."""
    shape, columns = tensor.shape, tensor.columns
    sizes = isinstance(shape, tuple) and [isinstance(n, int) and n > 0 for n in shape]
    if not sizes or not all(sizes[1:]) or not (sizes[0] or shape[0] is None):
        expected = "the shape of one event, as (22,), (128, 16) or, of hits, (None, 7)"
        yield Problem("not a shape", (*place, "shape"), expected=expected, received=shape)
    elif not isinstance(columns, tuple) or not all(isinstance(column, Column) for column in columns):
        yield Problem("not columns", (*place, "columns"), expected="a tuple of Column", received=columns)
    elif tensor.flat and len(columns) != shape[0]:
        what = f"{len(columns)} columns do not fit the shape {shape}"
        yield Problem(what, place, expected="a column for each number of an event", received=[c.name for c in columns])


@dataclass
class Checker:
    """Compares each block that is read with what the loader says of its events.

    Attributes:
        source: what it says.
        place: of the dataset, for messages.
        counts: events of the blocks that were read.
    """

    source: Source
    place: Place
    counts: dict[int, int] = field(default_factory=dict)

    def check(self, number: int, events: Any) -> None:
        """Check block number `number`; raises UserError with all of its mistakes."""
        mistakes = list(self.find_mistakes(events))
        if not mistakes:
            before = self.counts.setdefault(number, len(events))
            if before != len(events):
                what = "another number of events than when it was read before"
                mistakes = [Problem(what, expected=f"{before:,} events", received=len(events))]
        if mistakes:
            file = f"block {number} ({self.source.files[number]})"
            raise UserError(*(replace(p, what=f"{p.what} in {file}") for p in mistakes)).under(*self.place)
        total, rows = sum(self.counts.values()), self.source.rows
        if len(self.counts) == len(self.source.blocks) and total != rows and not self.source.selects:
            expected = f"{total:,} events, as all blocks hold, or selects=True where reading leaves out some rows"
            raise UserError(
                Problem("another number of events", (*self.place, "rows"), expected=expected, received=rows)
            )

    def find_mistakes(self, events: Any) -> Iterator[Problem]:
        """Yield what is wrong with one block."""
        if not isinstance(events, Events):
            yield Problem("no Events", ("blocks",), expected="Events", received=type(events).__name__)
            return
        key = np.asarray(events.key)
        if key.dtype != np.uint64 or key.ndim != 1:
            expected = "one uint64 per event, as hash_rows makes of any columns"
            yield Problem("not keys", ("key",), expected=expected, received=f"{key.dtype} {list(key.shape)}")
        rows = len(key) if key.ndim else 0
        tensors = {**self.source.inputs, **self.source.truth}
        for name in events.inputs.keys() - tensors.keys():
            yield unknown("input", name, list(tensors), ("inputs",))
        for name, tensor in tensors.items():
            if name not in events.inputs:
                yield Problem("no such input", ("inputs", name), expected=f"one of shape {tensor.shape} per event")
                continue
            yield from check_array(events.inputs[name], rows, tensor.shape, ("inputs", name))
        for part in ("targets", "extras"):
            for name in getattr(self.source, part):
                if name not in events.columns:
                    yield Problem("no such column", (part, name), expected="one number per event in Events.columns")
                    continue
                yield from check_array(events.columns[name], rows, (), (part, name))


def check_array(array: Any, rows: int, shape: Sequence[int | None], place: Place) -> Iterator[Problem]:
    """Yield what is wrong with an array that should hold `rows` events of a shape."""
    found = tuple(getattr(array, "shape", ()))
    fits = len(found) == len(shape) + 1 and all(n in (None, m) for n, m in zip(shape, found[1:], strict=True))
    if not fits or getattr(array, "dtype", np.dtype(object)).kind not in "iufb":
        wanted = ", ".join("rows" if n is None else str(n) for n in (rows, *shape))
        kind = getattr(array, "dtype", type(array).__name__)
        yield Problem("another array", place, expected=f"numbers of shape ({wanted})", received=f"{kind} {list(found)}")
    elif len(array) != rows:
        yield Problem("another number of events", place, expected=f"{rows}, as there are keys", received=len(array))
