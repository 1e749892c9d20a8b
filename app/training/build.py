"""The composition root: from a job and its data to its networks and its objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from app.checks.tasks import check_values
from app.config import Job, Task
from app.core.errors import UserError, unknown
from app.core.libraries import keras
from app.data.loading import Data, stacked
from app.data.weighting import curriculum
from app.models import SCORES
from app.training.classical import make_classical
from app.training.hit_constraints import deployed_scores, hit_constraints
from app.training.inputs import check_inputs, known_columns, seen_inputs
from datasets.pipeline.batches import Batch
from datasets.pipeline.events import Events
from datasets.transforms.chain import Chain


@dataclass(frozen=True)
class Networks:
    """A job's networks: `network` is trained, `deployed` maps raw inputs to physical outputs with the same weights.

    `prepare` makes batches of events whose targets are transformed: what the network shall give.

    A classical model has nothing to train: its network and objective are None, and it says what it is and how long it
    took to fit [s].
    """

    network: Any
    deployed: Any
    objective: Any
    normalization: dict[str, Any]
    prepare: Callable[[Events], Batch]
    description: str = ""
    seconds: float = 0.0


def build(job: Job, data: Data) -> Networks:
    """Build the networks of a job; normalisation and transforms take their constants from the training split."""
    keras.backend.clear_session()
    if job.is_classical:
        return _classical(job, data)
    if job.training.mixed_precision:
        keras.config.set_dtype_policy("mixed_float16")
    check_inputs(job, data)
    chains = {name: _fitted_chain(name, task, job, data) for name, task in job.tasks.items()}
    inputs = {name: keras.Input(i.shape, name=name) for name, i in data.source.inputs.items()}
    seen, figures = seen_inputs(job, data, inputs)
    outputs, path = _outputs(job, data, seen, inputs, chains)
    network = keras.Model(inputs, outputs, name="network")
    physical = _physical(job, data, inputs, network.output, chains)
    deployed = keras.Model(inputs, physical | deployed_scores(network.output, inputs), name="model")
    objective = _objective(job, data, network, chains, path)
    keras.config.set_dtype_policy("float32")
    found: dict[str, Any] = {"columns": data.columns, "inputs": figures, "tasks": _constants(chains)}
    found |= {"weighting": data.weighting.dump()} if data.weighting else {}
    return Networks(network, deployed, objective, found, partial(_prepare, data=data, chains=chains))


def _prepare(events: Events, data: Data, chains: Mapping[str, Chain]) -> Batch:
    from app.layers.features import split_columns

    x, y, *weights = data.prepare(events)
    columns = split_columns(x, data.columns)
    return x, {n: np.asarray(chains[n].forward(values, columns), np.float32) for n, values in y.items()}, *weights


def _classical(job: Job, data: Data) -> Networks:
    made = make_classical(job, data)
    found = {"columns": data.columns, "inputs": {}, "tasks": {}}
    return Networks(None, made.deployed, None, found, data.prepare, made.description, made.seconds)


def _outputs(
    job: Job, data: Data, seen: Mapping[str, Any], inputs: Mapping[str, Any], chains: Mapping[str, Chain]
) -> tuple[dict[str, Any], Any]:
    """Return the network's outputs by name, and the layer of the whole track where the model has one."""
    if job.model.component.facts.kind == "track":
        from app.training.whole_track import path_outputs

        return path_outputs(job, data, seen, inputs, chains)
    found = job.model.build(*_supplied(job, data, seen, inputs))
    features, scores = (found["features"], {SCORES: found[SCORES]}) if isinstance(found, dict) else (found, {})
    widths = {name: len(chain.outputs) for name, chain in chains.items()}
    return {n: t.head.build(features, widths[n], f"{n}_head") for n, t in job.tasks.items()} | scores, None


def _supplied(job: Job, data: Data, seen: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    if job.model.component.facts.kind != "momentum":
        return (seen,)
    from app.training.inputs import momentum_input

    return seen, momentum_input(job, data, inputs)


def _physical(
    job: Job, data: Data, inputs: Mapping[str, Any], outputs: Mapping[str, Any], chains: Mapping[str, Chain]
) -> dict[str, Any]:
    from app.layers.physical_outputs import VALUE, Physical

    flat = {n: inputs[n] for n in data.columns}
    found: dict[str, Any] = {}
    for name, task in job.tasks.items():
        layer = Physical(**_settings(job, task, chains[name], data), name=f"{name}_physical")
        said = layer({"output": outputs[name], "inputs": flat})
        found |= {name if what == VALUE else f"{name}_{what}": tensor for what, tensor in said.items()}
    return found


def _objective(job: Job, data: Data, network: Any, chains: Mapping[str, Chain], path: Any) -> Any:
    from app.training.objective import Objective
    from app.training.whole_track import constraints_of

    return Objective(
        network,
        [_term(n, t, chains[n], data) for n, t in job.tasks.items()],
        data.columns,
        hit_constraints(job, data) if SCORES in network.output else constraints_of(job, data, path),
        partial(job.balancing.component.call, **job.balancing.arguments),
        curriculum(job, known_columns(data)),
    )


def _fitted_chain(name: str, task: Task, job: Job, data: Data) -> Chain:
    from app.layers.physical_outputs import make_chain

    try:
        specs = [spec.dump() for spec in task.transform]
        chain = make_chain(specs, task.targets, data.source.magnet, job.model.options.inputs.mirror)
        for column in chain.needs:
            if column not in known_columns(data):
                raise UserError(
                    unknown("input column that a transform needs", column, known_columns(data), ("transform",))
                )
        blocks = _Blocks(data, task)
        chain.fit(blocks)
        check_values(task, chain.forward(*next(iter(blocks))))
    except UserError as error:
        raise error.under("tasks", name) from None
    return chain


class _Blocks:
    """The training split as (targets, inputs) again and again, a block at a time."""

    def __init__(self, data: Data, task: Task) -> None:
        self.data, self.task = data, task

    def __iter__(self) -> Any:
        from app.layers.features import split_columns

        for events in self.data.splits.train:
            yield stacked(events.columns, self.task.targets), split_columns(events.inputs, self.data.columns)


def _settings(job: Job, task: Task, chain: Chain, data: Data) -> dict[str, Any]:
    return {
        "targets": list(task.targets),
        "transforms": [spec.dump() for spec in task.transform],
        "columns": data.columns,
        "constants": [step.constants for step in chain.steps],
        "magnet": data.source.magnet.config() if data.source.magnet else None,
        "mirror": job.model.options.inputs.mirror,
        "head": task.head.name,
    }


def _constants(chains: Mapping[str, Chain]) -> dict[str, Any]:
    return {n: [{"step": type(s).__name__, **s.constants} for s in chain.steps] for n, chain in chains.items()}


def _term(name: str, task: Task, chain: Chain, data: Data) -> Any:
    from app.layers.features import split_columns
    from app.training.objective import Term

    weight = chain.weight(split_columns(next(iter(data.splits.train)).inputs, data.columns))
    mean = 1.0 if weight is None else float(np.mean(np.asarray(weight)))
    return Term(name, task.weight, partial(task.loss.component.call, **task.loss.arguments), chain, mean)
