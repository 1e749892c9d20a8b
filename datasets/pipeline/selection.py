"""Some of the events of any dataset: those for which an expression of their columns is true."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from app.core.errors import Problem, UserError, unknown
from datasets.pipeline.events import Events, Source
from datasets.tables.expressions import evaluate, names_in

logger = logging.getLogger(__name__)
PLACE = ("dataset", "selection")


def column_names(source: Source) -> list[str]:
    """Return the names of the columns that `event_columns` gives."""
    flat = [column.name for tensor in source.inputs.values() if tensor.flat for column in tensor.columns]
    return list(dict.fromkeys([*flat, *source.extras, *(f"true_{name}" for name in source.targets)]))


def event_columns(events: Events, source: Source) -> dict[str, Any]:
    """Return input columns and extras by name, and targets as true_<target>, (N,) each."""
    inputs = {
        column.name: events.inputs[name][:, i]
        for name, tensor in source.inputs.items()
        if tensor.flat
        for i, column in enumerate(tensor.columns)
    }
    others = {name: values for name, values in events.columns.items() if name not in source.targets}
    return inputs | others | {f"true_{name}": events.columns[name] for name in source.targets}


def selected(source: Source, text: str | None) -> Source:
    """Return the events of a source for which an expression is true; all of them without one.

    Raises:
        UserError: the expression is not understood or takes a column that the events do not have; when a block is read,
            it is no comparison.
    """
    if text is None:
        return source
    for name in names_in(text, PLACE):
        if name not in (known := column_names(source)):
            raise UserError(unknown("column", name, known, PLACE))
    said = set[int]()

    def read(number: int, block: Callable[[], Events]) -> Events:
        events = block()
        taken = evaluate(text, event_columns(events, source), PLACE)
        if taken.dtype != bool:
            raise UserError(Problem("not a selection", PLACE, expected="a comparison, as 'p > 5'", received=text))
        if number not in said and not taken.all():
            logger.info("%s: %s of %s events are selected", source.files[number], f"{taken.sum():,}", f"{len(taken):,}")
        said.add(number)
        return events[taken]

    return replace(
        source,
        blocks=[partial(read, number, block) for number, block in enumerate(source.blocks)],
        fingerprint=hashlib.sha256(f"{source.fingerprint};{text}".encode()).hexdigest()[:16],
        description=f"{source.description}, those with {text}",
        selects=True,
    )
