"""Events as tables of columns, the form that baselines take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from app.data.loading import Data
from app.metrics import baselines
from datasets.pipeline.events import Events
from datasets.pipeline.split import Part

ROWS_FOR_BASELINES = 100_000


def tables(data: Data) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the training and the validation events, at most 100,000 of each, as columns (N,) in float64."""
    train, validation = (
        _first_rows(part, data, ROWS_FOR_BASELINES) for part in (data.splits.train, data.splits.validation)
    )
    return train, validation


def _first_rows(part: Part, data: Data, rows: int) -> dict[str, Any]:
    """Return the first rows of a split as a table; what else the events hold, images say, is let go block by block."""
    found, number = [], 0
    for events in part:
        found.append(event_table(events[: rows - number], data))
        number += len(events)
        if number >= rows:
            break
    return {name: np.concatenate([table[name] for table in found]) for name in found[0]}


def first_events(part: Iterable[Events], rows: int) -> Events:
    """Return the first `rows` events of a split, or all where it has fewer."""
    blocks, found = [], 0
    for events in part:
        blocks.append(events[: rows - found])
        found += len(blocks[-1])
        if found >= rows:
            break
    return Events.concatenate(blocks)


def event_table(events: Events, data: Data) -> dict[str, Any]:
    """Return input columns, the extras that a baseline asks for by name, and targets as true_<target>, in float64."""
    table = {
        column: np.asarray(events.inputs[name][:, i], np.float64)
        for name, columns in data.columns.items()
        for i, column in enumerate(columns)
    }
    asked = data.source.extras.keys() & baselines.needed()
    extras = {name: np.asarray(events.columns[name], np.float64) for name in sorted(asked)}
    truth = {f"true_{name}": np.asarray(events.columns[name], np.float64) for name in data.source.targets}
    return extras | table | truth
