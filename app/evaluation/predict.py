"""Predictions of every task from the outputs of a deployed model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config import Job
from app.evaluation.predictor import Predictor
from app.models import HIT_PROBABILITY
from app.predictions import EFFICIENCY, PREFIXES, PURITY, Predictions
from datasets.pipeline.events import Events
from losses.constraints import ASSIGNED


def predict(predictor: Predictor, events: Events, job: Job) -> Predictions:
    """Return the predictions of all tasks on `events`."""
    tasks = {name: task.targets for name, task in job.tasks.items()}
    targets = [target for names in tasks.values() for target in names]
    found: dict[str, dict[str, Any]] = {prefix: {} for prefix in ("", *PREFIXES[2:])}
    outputs = predictor(events.inputs)
    for prefix, name, values in named_outputs(outputs, tasks):
        found[prefix][name] = np.asarray(values, np.float64)
    return Predictions(
        events.key,
        {target: np.asarray(events.columns[target], np.float64) for target in targets},
        found[""],
        {},
        {n: np.asarray(v, np.float64) for n, v in events.columns.items() if n not in targets}
        | hit_columns(outputs, events, job),
        *(found[prefix] for prefix in PREFIXES[2:]),
    )


def named_outputs(outputs: Mapping[str, Any], tasks: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, Any]]:
    """Yield (prefix, name, values (N,)) of a deployed model's outputs; the prefix says what it is of the name."""
    for task, targets in tasks.items():
        for i, target in enumerate(targets):
            yield "", target, outputs[task][:, i]
            if f"{task}_sigma" in outputs:
                yield "sigma_", target, outputs[f"{task}_sigma"][:, i]
        for k, column in enumerate(outputs[f"{task}_probability"].T if f"{task}_probability" in outputs else ()):
            yield "prob_", f"{targets[0]}_{k}", column
        if f"{task}_concentration" in outputs:
            yield "kappa_", task, outputs[f"{task}_concentration"][:, 0]
        if f"{task}_spread" in outputs:
            yield from _spread(task, targets, outputs[f"{task}_spread"], classes=f"{task}_probability" in outputs)


def _spread(task: str, targets: Sequence[str], values: Any, classes: bool) -> Iterator[tuple[str, str, Any]]:
    """Yield how far members are apart: of each target, of each class, or the angle of a direction."""
    names = [f"{targets[0]}_{k}" for k in range(values.shape[1])] if classes else list(targets)
    for name, column in zip(names if values.shape[1] == len(names) else [task], values.T, strict=True):
        yield "spread_", name, column


def hit_columns(outputs: Mapping[str, Any], events: Events, job: Job) -> dict[str, NDArray[np.float64]]:
    """Return purity and efficiency of the assignment in every event, (N,); nothing where either side is not known.

    A hit is assigned when its probability is above the model's threshold. The purity is the share of the assigned hits
    that are the muon's, NaN where none is assigned; the efficiency that of the muon's hits that are assigned, NaN where
    it has none.
    """
    if HIT_PROBABILITY not in outputs or ASSIGNED not in events.inputs:
        return {}
    assigned = outputs[HIT_PROBABILITY] > job.model.parameters["threshold"]
    true = np.asarray(events.inputs[ASSIGNED]) > 0
    both, found, there = (np.sum(hits, axis=1, dtype=np.float64) for hits in (assigned & true, assigned, true))
    nothing = np.full(len(events), np.nan)
    return {
        PURITY: np.divide(both, found, out=nothing.copy(), where=found > 0),
        EFFICIENCY: np.divide(both, there, out=nothing, where=there > 0),
    }
