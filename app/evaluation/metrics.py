"""Metrics of a deployed model on events, next to those of baselines fitted on the training events."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.config import Job, Task
from app.data.loading import Data, baseline_tables, event_table
from app.evaluation.predict import Predictor, predict
from app.metrics import baselines
from app.predictions import Predictions
from datasets.pipeline.checked import open_source
from datasets.pipeline.events import Events

logger = logging.getLogger(__name__)


def task_metrics(predictions: Predictions, task: Task) -> dict[str, Any]:
    """Return what the task's metrics say of its targets; metrics in the same bins share one list of bins."""
    own = predictions.only(task.targets)
    figures: dict[str, Any] = {}
    for metric in task.metrics:
        for key, value in metric.build(own).items():
            if key in figures and isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
                others = {(entry["low"], entry["high"]): entry for entry in value}
                value = [{**entry, **others.get((entry["low"], entry["high"]), {})} for entry in figures[key]]
            figures[key] = value
    return figures


def scalars(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the single figures among metrics, those by bin left out."""
    return {name: value for name, value in figures.items() if isinstance(value, (int, float))}


def merge_tasks(figures_of_tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the single figures of all tasks; a name that several of them give is written as <task>_<name>."""
    single = {task: scalars(figures) for task, figures in figures_of_tasks.items()}
    names = [name for figures in single.values() for name in figures]
    return {
        f"{task}_{name}" if names.count(name) > 1 else name: value
        for task, figures in single.items()
        for name, value in figures.items()
    }


def fit_baselines(data: Data, job: Job) -> dict[str, dict[str, Any]]:
    """Fit every baseline that applies, on the same training events; {task: {baseline: predictor}}."""
    train, validation = baseline_tables(data)
    fitted = {}
    for name, task in job.tasks.items():
        loss = task.loss.component.facts
        # The loss of a sigmoid learns the probability of 1, which is a class too.
        classes = loss.classes or loss.head == "sigmoid"
        fitted[name] = baselines.fit(train, validation, task.targets, classes=classes, flat=data.column_names)
    found = [f"baseline {name}: {fit.description}" for of_task in fitted.values() for name, fit in of_task.items()]
    for line in dict.fromkeys(found):  # tasks have some in common
        logger.info(line)
    return fitted


def with_baselines(predictions: Predictions, events: Events, data: Data, fitted: Mapping[str, Any]) -> Predictions:
    """Return the predictions together with those of every task's baselines."""
    table = event_table(events, data)
    values: dict[str, dict[str, Any]] = {}
    for baselines_of_task in fitted.values():
        for name, baseline in baselines_of_task.items():
            values.setdefault(name, {}).update(baseline(table))
    return replace(predictions, baselines=values)


def measure_task(predictions: Predictions, task: Task, fitted: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"metric", "better", "model": metrics, "baselines": {name: metrics}} of one task, and what these are."""
    facts = task.metrics[0].component.facts
    known = predictions.only(task.targets).baselines
    return {
        "metric": facts.primary,
        "better": facts.better,
        "binned_in": facts.binned_in,
        "model": task_metrics(predictions, task),
        "baselines": {name: task_metrics(predictions.of_baseline(name), task) for name in known},
        "descriptions": {name: baseline.description for name, baseline in fitted.items()},
    }


def measure_events(job: Job, data: Data, blocks: Iterable[Events], deployed: Any) -> tuple[dict[str, Any], Predictions]:
    """Return the metrics of every task and the predictions on events, block by block: images need not fit into memory.

    Args:
        job: the job.
        data: of the job; the baselines are fitted on its training events.
        blocks: the events.
        deployed: the model.
    """
    predictor, fitted = Predictor(deployed), fit_baselines(data, job)
    predictions = Predictions.concatenate(
        [with_baselines(predict(predictor, events, job), events, data, fitted) for events in blocks]
    )
    return {name: measure_task(predictions, task, fitted[name]) for name, task in job.tasks.items()}, predictions


def read_events(job: Job, data: Data, files: Sequence[Path]) -> Events:
    """Return every event of other files of the job's kind, and warn of those that it was trained on."""
    source = open_source(job.dataset, files)
    logger.info("given files: %s", source.description)
    events = Events.concatenate(list(source))
    if known := count_trained(events.key, data):
        logger.warning("the network was trained on %d of these %d events", known, len(events))
    return events


def count_trained(keys: np.ndarray, data: Data) -> int:
    """Return how many events, by their keys, are training events of the data."""
    return int(np.isin(keys, np.concatenate([block.key for block in data.splits.train])).sum())
