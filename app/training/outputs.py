"""What a network and its deployed model give: the heads of the tasks, whole tracks, and physical outputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from app.data.loading import Data
from app.models import HIT_PROBABILITY, SCORES, TRACK_CODE
from app.predictions import output_name
from app.training.inputs import momentum_input
from datasets.transforms.chain import Chain
from datasets.transforms.kick import STATE, Kick

Tensors = Mapping[str, Any]


def network_outputs(
    job: Job, data: Data, seen: Tensors, inputs: Tensors, chains: Mapping[str, Chain]
) -> tuple[dict[str, Any], Any]:
    """Return the network's outputs by name, and the layer of the whole track where the model has one.

    Args:
        job: the job.
        data: of the job.
        seen: what the model sees, by name.
        inputs: the raw inputs.
        chains: the transforms of each task.
    """
    kind = job.model.component.facts.kind
    if kind == "track":
        return track_outputs(job, data, seen, inputs, chains)
    momentum = (momentum_input(job, data, inputs),) if kind == "momentum" else ()
    features, scores = job.model.build(seen, *momentum), {}
    if isinstance(features, dict):
        features, scores = features["features"], {SCORES: features[SCORES]}
    outputs = {n: t.head.build(features, len(chains[n].outputs), f"{n}_head") for n, t in job.tasks.items()}
    return outputs | scores, None


def track_outputs(
    job: Job, data: Data, seen: Tensors, inputs: Tensors, chains: Mapping[str, Chain]
) -> tuple[dict[str, Any], Any]:
    """Return {task: standardised kick at the end, "path": code} and the layer that knows the whole track.

    Raises:
        UserError: the job has other tasks than one of x, y, tx, ty as the kick on a straight line.
    """
    from app.models.mlp import join_inputs

    name, task = next(iter(job.tasks.items()))
    if len(job.tasks) > 1 or tuple(task.targets) != STATE:
        what = f"{job.model.name!r} gives whole tracks"
        expected = "one task with the targets x, y, tx, ty in this order"
        targets = {name: list(task.targets) for name, task in job.tasks.items()}
        raise UserError(Problem(what, ("tasks",), expected=expected, received=targets))
    step = chains[name].steps[0] if len(chains[name].steps) == 2 else None
    if type(step) is not Kick or step.momentum_slopes or step.baseline.name != "straight_line":
        what = f"{job.model.name!r} bends a straight line by (q/p) times a kick"
        where = ("tasks", name, "transform")
        expected = '"kick" with the baseline "straight_line" and plain slopes'
        raise UserError(Problem(what, where, expected=expected, received=[spec.dump() for spec in task.transform]))
    kick = chains[name].steps[-1].constants
    source, place = next((i, names.index("dz")) for i, names in data.columns.items() if "dz" in names)
    length = np.mean(np.asarray(next(iter(data.splits.train)).inputs[source][:, place], np.float64))
    path, features = job.model.build(
        join_inputs(seen), {"mean": kick["mean"], "std": kick["std"], "length": float(length)}
    )
    outputs = path({"features": features, "dz": inputs[source][:, place]})
    return {name: outputs["end"], TRACK_CODE: outputs["code"]}, path


def physical_outputs(
    job: Job, data: Data, inputs: Tensors, outputs: Tensors, chains: Mapping[str, Chain]
) -> dict[str, Any]:
    """Return the outputs of the deployed model by name: see `app.predictions.TASK_OUTPUTS`, and scores of hits.

    Args:
        job: the job.
        data: of the job.
        inputs: the raw inputs.
        outputs: of the network.
        chains: the transforms of each task.
    """
    from app.layers.physical_outputs import Physical
    from app.models.blocks.hit_layers import HitProbability

    flat = {name: inputs[name] for name in data.columns}
    physical: dict[str, Any] = {}
    for name, task in job.tasks.items():
        layer = Physical(
            targets=list(task.targets),
            transforms=[spec.dump() for spec in task.transform],
            columns=data.columns,
            constants=[step.constants for step in chains[name].steps],
            magnet=data.source.magnet.config() if data.source.magnet else None,
            mirror=job.model.options.inputs.mirror,
            head=task.head.name,
            name=f"{name}_physical",
        )
        tensors = layer({"output": outputs[name], "inputs": flat})
        physical |= {output_name(name, output): tensor for output, tensor in tensors.items()}
    if SCORES in outputs:
        tensors = {"scores": outputs[SCORES], "mask": inputs["mask"]}
        physical[HIT_PROBABILITY] = HitProbability(name=HIT_PROBABILITY)(tensors)
    return physical
