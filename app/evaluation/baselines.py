"""Baselines of a job: fitted on the training events as columns, and their predictions beside a model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.config import Job
from app.data.loading import Data
from app.data.tables import event_table, tables
from app.metrics import baselines
from app.predictions import Predictions
from datasets.pipeline.events import Events


def fit_baselines(data: Data, job: Job) -> dict[str, dict[str, Any]]:
    """Fit every baseline that applies, on the same training events; {task: {baseline: predictor}}."""
    train, validation = tables(data)
    fitted = {}
    for name, task in job.tasks.items():
        loss = task.loss.component.facts
        classes = loss.classes or loss.head == "sigmoid"  # what is learned as the probability of 1 is a class too
        fitted[name] = baselines.fit(train, validation, task.targets, classes=classes)
    return fitted


def with_baselines(predictions: Predictions, events: Events, data: Data, fitted: Mapping[str, Any]) -> Predictions:
    """Return the predictions with those of every task's baselines beside them."""
    table = event_table(events, data)
    values: dict[str, dict[str, Any]] = {}
    for baselines_of_task in fitted.values():
        for name, baseline in baselines_of_task.items():
            values.setdefault(name, {}).update(baseline(table))
    return replace(predictions, baselines=values)
