"""Metrics of a deployed model on events, beside baselines that were fitted on the training events."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from app.config import Job
from app.core.files import matching
from app.data.loading import Data
from app.evaluation.baselines import fit_baselines, with_baselines
from app.evaluation.predict import predict
from app.evaluation.predictor import Predictor
from app.evaluation.task_metrics import measure
from app.predictions import Predictions
from datasets.pipeline.events import Events

logger = logging.getLogger(__name__)


def test_metrics(job: Job, data: Data, deployed: Any) -> tuple[dict[str, Any], Predictions]:
    """Return the metrics of every task beside those of its baselines, and the predictions themselves."""
    return measure_events(job, data, data.splits.test, deployed)


def measure_events(job: Job, data: Data, blocks: Iterable[Events], deployed: Any) -> tuple[dict[str, Any], Predictions]:
    """Return metrics and predictions on events, with baselines fitted on the training events of `data`.

    The events are predicted block by block: images of all of them need not fit into memory.
    """
    predictor, fitted = Predictor(deployed), fit_baselines(data, job)
    both = Predictions.concatenate(
        [with_baselines(predict(predictor, events, job), events, data, fitted) for events in blocks]
    )
    return {name: measure(both, task, fitted[name]) for name, task in job.tasks.items()}, both


def events_of(job: Job, data: Data, files: Sequence[str]) -> Events:
    """Return every event of other files of the job's kind, and say how many of them it was trained on."""
    events = Events.concatenate(list(job.dataset.build(matching(files, ("--data",)))))
    known = np.isin(events.key, np.concatenate([block.key for block in data.splits.train]))
    if known.any():
        logger.warning("the network was trained on %d of these %d events", known.sum(), len(events))
    return events
