"""Which hits belong to the muon: what a model with scores gives, what it is taught, and how right it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lazy_loader
import numpy as np
from numpy.typing import NDArray

from app.config import Job
from app.core.errors import Problem, UserError
from app.data import Data
from app.models import HIT_PROBABILITY, SCORES
from app.predictions import EFFICIENCY, PURITY
from datasets.pipeline.events import Events
from losses.constraints import ASSIGNED

METRIC = "hit_assignment"
keras = lazy_loader.load("keras")


def deployed_scores(outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a deployed model says of single hits besides: nothing where the network has no scores."""
    if SCORES not in outputs:
        return {}
    from app.models.blocks.hit_layers import HitProbability

    tensors = {"scores": outputs[SCORES], "mask": inputs["mask"]}
    return {HIT_PROBABILITY: HitProbability(name=HIT_PROBABILITY)(tensors)}


def hit_constraints(job: Job, data: Data) -> Any:
    """Return the constraints that act on the scores, or None."""
    from app.constraints import HitConstraints

    acting = [spec for spec in job.constraints if spec.options.weight > 0]
    measured = [metric for task in job.tasks.values() for metric in task.metrics if metric.name == METRIC]
    if (acting or measured) and ASSIGNED not in data.source.truth:
        what = f"{(*acting, *measured)[0].name!r} needs to know which hits are the muon's"
        expected = '"assignment": true, of data that know it'
        raise UserError(Problem(what, ("dataset", "assignment"), None, expected))
    return HitConstraints(acting) if acting else None


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
