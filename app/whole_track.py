"""Models that give whole tracks: their outputs, what they ask of a job, and the constraints on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from app.data import Data
from datasets.transforms.chain import Chain
from datasets.transforms.kick import STATE, Kick
from datasets.transforms.mirror import Mirror

CODE = "path"


def path_outputs(
    job: Job, data: Data, seen: Mapping[str, Any], inputs: Mapping[str, Any], chains: Mapping[str, Chain]
) -> tuple[dict[str, Any], Any]:
    """Return {task: standardised kick at the end, "path": code} and the layer that knows the track."""
    from app.models.mlp import joined

    name = _only_task(job, chains)
    kick = chains[name].steps[-1].constants
    columns = data.columns
    place = next((i, names.index("dz")) for i, names in columns.items() if "dz" in names)
    scale = {"mean": kick["mean"], "std": kick["std"], "length": _mean_length(data, place)}
    path, features = job.model.build(joined(seen), scale)
    found = path({"features": features, "dz": inputs[place[0]][:, place[1]]})
    return {name: found["end"], CODE: found["code"]}, path


def _mean_length(data: Data, place: tuple[str, int]) -> float:
    events = next(iter(data.splits.train))
    return float(np.mean(np.asarray(events.inputs[place[0]][:, place[1]], np.float64)))


def _only_task(job: Job, chains: Mapping[str, Chain]) -> str:
    """Return the name of the one task; a whole track is x, y, tx, ty as the kick on a straight line."""
    name, task = next(iter(job.tasks.items()))
    if len(job.tasks) > 1 or tuple(task.targets) != STATE:
        what = f"{job.model.name!r} gives whole tracks"
        expected = "one task with the targets x, y, tx, ty in this order"
        raise UserError(Problem(what, ("tasks",), None, expected, {n: list(t.targets) for n, t in job.tasks.items()}))
    step = chains[name].steps[0] if len(chains[name].steps) == 2 else None
    if type(step) is not Kick or step.momentum_slopes or step.baseline.name != "straight_line":
        what = f"{job.model.name!r} bends a straight line by (q/p) times a kick"
        where = ("tasks", name, "transform")
        expected = '"kick" with the baseline "straight_line" and plain slopes'
        raise UserError(Problem(what, where, None, expected, [spec.dump() for spec in task.transform]))
    return name


def constraints_of(job: Job, data: Data, path: Any) -> Any:
    """Return the constraints that act in this job, or None."""
    from app.constraints import Collocation, make_constraints

    acting = [spec for spec in job.constraints if spec.options.weight > 0]
    for position, spec in enumerate(acting):
        _check_offered(job, spec, position)
    if path is None:
        return None
    collocation = Collocation(job.collocation.points, job.collocation.placement == "random")
    mirror = Mirror() if job.model.options.inputs.mirror else None
    return make_constraints(acting, path, data.source.magnet, collocation, mirror)


def _check_offered(job: Job, spec: Any, position: int) -> None:
    facts = job.model.component.facts
    offered = () if not facts.get("path") else ("stages",) if facts.get("stages") else ("along",)
    if spec.component.facts["needs"] not in offered:
        what = f"{spec.name!r} does not apply to the model {job.model.name!r}"
        expected = {"stages": "rk_pinn", "along": "pinn"}[spec.component.facts["needs"]]
        raise UserError(Problem(what, ("constraints", position), None, f"the model {expected!r}", job.model.name))
