"""Which hits belong to the muon: what a model with scores gives, what it is taught, and how right it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.config import Job
from app.core.errors import Problem, UserError
from app.data.loading import Data
from app.models import HIT_PROBABILITY, SCORES
from losses.constraints import ASSIGNED

METRIC = "hit_assignment"


def deployed_scores(outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a deployed model says of single hits besides: nothing where the network has no scores."""
    if SCORES not in outputs:
        return {}
    from app.models.blocks.hit_layers import HitProbability

    tensors = {"scores": outputs[SCORES], "mask": inputs["mask"]}
    return {HIT_PROBABILITY: HitProbability(name=HIT_PROBABILITY)(tensors)}


def hit_constraints(job: Job, data: Data) -> Any:
    """Return the constraints that act on the scores, or None."""
    from app.training.constraints import HitConstraints

    acting = [spec for spec in job.constraints if spec.options.weight > 0]
    measured = [metric for task in job.tasks.values() for metric in task.metrics if metric.name == METRIC]
    if (acting or measured) and ASSIGNED not in data.source.truth:
        what = f"{(*acting, *measured)[0].name!r} needs to know which hits are the muon's"
        expected = '"assignment": true, of data that know it'
        raise UserError(Problem(what, ("dataset", "assignment"), expected=expected))
    return HitConstraints(acting) if acting else None
