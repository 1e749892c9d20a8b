"""Models that give whole tracks: their outputs, what they ask of a job, and the constraints on them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from app.data.loading import Data
from app.models import TRACK_CODE
from datasets.transforms.chain import Chain, Mirror
from datasets.transforms.kick import STATE, Kick

logger = logging.getLogger(__name__)


def path_outputs(
    job: Job, data: Data, seen: Mapping[str, Any], inputs: Mapping[str, Any], chains: Mapping[str, Chain]
) -> tuple[dict[str, Any], Any]:
    """Return {task: standardised kick at the end, "path": code} and the layer that knows the track."""
    from app.models.mlp import join_inputs

    name = _only_task(job, chains)
    kick = chains[name].steps[-1].constants
    columns = data.columns
    place = next((i, names.index("dz")) for i, names in columns.items() if "dz" in names)
    scale = {"mean": kick["mean"], "std": kick["std"], "length": _mean_length(data, place)}
    path, features = job.model.build(join_inputs(seen), scale)
    found = path({"features": features, "dz": inputs[place[0]][:, place[1]]})
    return {name: found["end"], TRACK_CODE: found["code"]}, path


def _mean_length(data: Data, place: tuple[str, int]) -> float:
    events = next(iter(data.splits.train))
    return float(np.mean(np.asarray(events.inputs[place[0]][:, place[1]], np.float64)))


def _only_task(job: Job, chains: Mapping[str, Chain]) -> str:
    """Return the name of the one task; a whole track is x, y, tx, ty as the kick on a straight line."""
    name, task = next(iter(job.tasks.items()))
    if len(job.tasks) > 1 or tuple(task.targets) != STATE:
        what = f"{job.model.name!r} gives whole tracks"
        expected = "one task with the targets x, y, tx, ty in this order"
        raise UserError(
            Problem(what, ("tasks",), expected=expected, received={n: list(t.targets) for n, t in job.tasks.items()})
        )
    step = chains[name].steps[0] if len(chains[name].steps) == 2 else None
    if type(step) is not Kick or step.momentum_slopes or step.baseline.name != "straight_line":
        what = f"{job.model.name!r} bends a straight line by (q/p) times a kick"
        where = ("tasks", name, "transform")
        expected = '"kick" with the baseline "straight_line" and plain slopes'
        raise UserError(Problem(what, where, expected=expected, received=[spec.dump() for spec in task.transform]))
    return name


def constraints_of(job: Job, data: Data, path: Any) -> Any:
    """Return the constraints that act in this job, or None."""
    from app.training.constraints import Collocation, make_constraints

    acting = [spec for spec in job.constraints if spec.options.weight > 0]
    if path is None or not acting:
        if job.unlabelled is not None:
            logger.warning("no constraint acts, so the unlabelled states have no part in the training")
        return None
    _warn(job.model.parameters, {spec.name for spec in acting})
    _warn_of_points(job)
    collocation = Collocation(job.collocation.points, job.collocation.placement == "random")
    mirror = Mirror() if job.model.options.inputs.mirror else None
    return make_constraints(acting, path, data.source.magnet, collocation, mirror)


def _warn_of_points(job: Job) -> None:
    """A series has room between the points: with 10 of them 12 coefficients met the equation and missed the track."""
    coefficients, collocation = job.model.parameters.get("coefficients", 0), job.collocation
    spectral = job.model.parameters.get("derivative") == "spectral"
    if spectral and collocation.placement == "uniform" and collocation.points < coefficients:
        logger.warning(
            "%d collocation points leave %d coefficients undetermined: between the points the equation may be broken; "
            'give as many points as coefficients at least, or "placement": "random"',
            collocation.points, coefficients,
        )  # fmt: skip


def _warn(model: Mapping[str, Any], acting: set[str]) -> None:
    """Tell of combinations that cannot do what they look like; an ablation may want them all the same."""
    if "initial_condition" in acting and model.get("initial_condition") == "hard":
        logger.warning("'initial_condition' is 0 by construction: the model's own initial_condition is \"hard\"")
    if "stage_residual" in acting and model.get("nodes") == "quarters":
        logger.warning(
            'stage_residual at the nodes "quarters": exact derivatives there end 114 mm off (2-100 GeV through the '
            'LHCb magnet) with the weights [1, 2, 2, 1] / 6, at "rk4" 2.5 mm'
        )
