"""Baselines of a job: fitted on the training events as columns, and their predictions beside a model's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from app.config import Job
from app.data import Data
from app.metrics import baselines
from app.predictions import Predictions
from datasets.pipeline.batches import Part
from datasets.pipeline.events import Events

ROWS_FOR_BASELINES = 100_000


def fit_baselines(data: Data, job: Job) -> dict[str, dict[str, Any]]:
    """Fit every baseline that applies, on the same training events; {task: {baseline: predictor}}."""
    train, validation = tables(data)
    return {
        name: baselines.fit(train, validation, task.targets, classes=_sorts(task.loss.component.facts))
        for name, task in job.tasks.items()
    }


def _sorts(facts: Mapping[str, Any]) -> bool:
    """Return whether a loss is one of classes; those learned as the probability of 1 are classes too."""
    return bool(facts.get("classes")) or facts.get("head") == "sigmoid"


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
        found.append(_table(events[: rows - number], data))
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


def _table(events: Events, data: Data) -> dict[str, Any]:
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


def with_baselines(predictions: Predictions, events: Events, data: Data, fitted: Mapping[str, Any]) -> Predictions:
    """Return the predictions with those of every task's baselines beside them."""
    table = _table(events, data)
    values: dict[str, dict[str, Any]] = {}
    for baselines_of_task in fitted.values():
        for name, baseline in baselines_of_task.items():
            values.setdefault(name, {}).update(baseline(table))
    return replace(predictions, baselines=values)
