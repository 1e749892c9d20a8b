"""The composition root: from a job and its data to its networks and its objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import lazy_loader
import numpy as np

from app.classical import is_classical, make_classical
from app.config import Job, Task
from app.core.errors import UserError, unknown
from app.data import Data, stacked
from app.weighting import curriculum
from datasets._events import Events
from datasets._moments import moments
from datasets._pipeline import Batch
from datasets.transforms.chain import Chain
from datasets.transforms.mirror import check_mirror

keras = lazy_loader.load("keras")

FEATURES = "features"


@dataclass(frozen=True)
class Built:
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


def build(job: Job, data: Data) -> Built:
    """Build the networks of a job; normalisation and transforms take their constants from the training split."""
    keras.backend.clear_session()
    if is_classical(job):
        return _classical(job, data)
    if job.training.mixed_precision:
        keras.config.set_dtype_policy("mixed_float16")
    _check_inputs(job, data)
    chains = {name: _fitted_chain(name, task, job, data) for name, task in job.tasks.items()}
    inputs = {name: keras.Input(i.shape, name=name) for name, i in data.source.inputs.items()}
    seen, figures = _seen(job, data, inputs)
    outputs, path = _outputs(job, data, seen, inputs, chains)
    network = keras.Model(inputs, outputs, name="network")
    deployed = keras.Model(inputs, _physical(job, data, inputs, network.output, chains), name="model")
    objective = _objective(job, data, network, chains, path)
    keras.config.set_dtype_policy("float32")
    found = {"columns": data.columns, "inputs": figures, "tasks": _constants(chains)}
    return Built(network, deployed, objective, found, partial(_prepare, data=data, chains=chains))


def _prepare(events: Events, data: Data, chains: Mapping[str, Chain]) -> Batch:
    from app.features import columns_of

    x, y, *weights = data.prepare(events)
    columns = columns_of(x, data.columns)
    return x, {n: np.asarray(chains[n].forward(values, columns), np.float32) for n, values in y.items()}, *weights


def _classical(job: Job, data: Data) -> Built:
    made = make_classical(job, data)
    found = {"columns": data.columns, "inputs": {}, "tasks": {}}
    return Built(None, made.deployed, None, found, data.prepare, made.description, made.seconds)


def _known(data: Data) -> list[str]:
    return [column for columns in data.columns.values() for column in columns]


def _check_inputs(job: Job, data: Data) -> None:
    from app.features import check_features

    options = job.model.options.inputs
    if options.mirror:
        check_mirror(data.source.magnet, _known(data), [t for task in job.tasks.values() for t in task.targets])
    check_features(options.features or (), _known(data), data.source.magnet)


def _seen(job: Job, data: Data, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the standardised tensors that the model sees by name, and the figures of the standardisation."""
    options = job.model.options.inputs
    rest = {name: tensor for name, tensor in inputs.items() if name not in data.columns}
    flat = {name: inputs[name] for name in data.columns}
    if options.mirror or options.features:
        from app.features import Features

        magnet = data.source.magnet.config() if data.source.magnet else None
        names = options.features or tuple(_known(data))
        layer = Features(data.columns, names, options.mirror, magnet, name=FEATURES)
        figures = _moments(data, {FEATURES: names}, lambda events: {FEATURES: np.asarray(layer(events))})
        tensors = {FEATURES: layer(flat)}
    else:
        figures = _moments(data, data.columns, dict)
        tensors = flat
    return {name: _normalized(name, t, figures) for name, t in {**tensors, **rest}.items()}, figures


def _moments(data: Data, columns: Mapping[str, Any], seen: Any) -> dict[str, dict[str, Any]]:
    kept = [n for n in columns if n not in data.source.inputs or data.source.inputs[n].standardize]
    figures = {}
    for name in kept:
        flat = ({n: events.inputs[n] for n in data.columns} for events in data.splits.train)
        mean, std = moments(seen(inputs)[name] for inputs in flat)
        figures[name] = {"columns": list(columns[name]), "mean": mean.tolist(), "std": std.tolist()}
    return figures


def _normalized(name: str, tensor: Any, figures: Mapping[str, Mapping[str, list[float]]]) -> Any:
    if name not in figures:
        return tensor
    mean, std = (np.asarray(figures[name][key]) for key in ("mean", "std"))
    return keras.layers.Normalization(mean=mean, variance=std**2, name=f"{name}_normalized", dtype="float32")(tensor)


def _outputs(
    job: Job, data: Data, seen: Mapping[str, Any], inputs: Mapping[str, Any], chains: Mapping[str, Chain]
) -> tuple[dict[str, Any], Any]:
    """Return the network's outputs by name, and the layer of the whole track where the model has one."""
    if job.model.component.facts.get("path"):
        from app.whole_track import path_outputs

        return path_outputs(job, data, seen, inputs, chains)
    features = job.model.build(*_supplied(job, data, seen, inputs))
    return {n: task.head.build(features, len(task.targets), f"{n}_head") for n, task in job.tasks.items()}, None


def _supplied(job: Job, data: Data, seen: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    if not job.model.component.facts.get("momentum"):
        return (seen,)
    from app.momentum import momentum_input

    return seen, momentum_input(job, data, inputs)


def _physical(
    job: Job, data: Data, inputs: Mapping[str, Any], outputs: Mapping[str, Any], chains: Mapping[str, Chain]
) -> dict[str, Any]:
    from app.physical import Physical

    flat = {n: inputs[n] for n in data.columns}
    return {
        name: Physical(**_settings(job, task, chains[name], data), name=f"{name}_physical")(
            {"output": outputs[name], "inputs": flat}
        )
        for name, task in job.tasks.items()
    }


def _objective(job: Job, data: Data, network: Any, chains: Mapping[str, Chain], path: Any) -> Any:
    from app.objective import Objective
    from app.whole_track import constraints_of

    return Objective(
        network,
        [_term(n, t, chains[n], data) for n, t in job.tasks.items()],
        data.columns,
        constraints_of(job, data, path),
        partial(job.balancing.component.call, **job.balancing.parameters),
        curriculum(job, _known(data)),
    )


def _fitted_chain(name: str, task: Task, job: Job, data: Data) -> Chain:
    from app.physical import make_chain

    try:
        specs = [spec.dump() for spec in task.transform]
        chain = make_chain(specs, task.targets, data.source.magnet, job.model.options.inputs.mirror)
        for column in chain.needs:
            if column not in _known(data):
                raise UserError(unknown("input column that a transform needs", column, _known(data), ("transform",)))
        chain.fit(_Blocks(data, task))
    except UserError as error:
        raise error.under("tasks", name) from None
    return chain


class _Blocks:
    """The training split as (targets, inputs) again and again, a block at a time."""

    def __init__(self, data: Data, task: Task) -> None:
        self.data, self.task = data, task

    def __iter__(self) -> Any:
        from app.features import columns_of

        for events in self.data.splits.train:
            yield stacked(events.columns, self.task.targets), columns_of(events.inputs, self.data.columns)


def _settings(job: Job, task: Task, chain: Chain, data: Data) -> dict[str, Any]:
    return {
        "targets": list(task.targets),
        "transforms": [spec.dump() for spec in task.transform],
        "columns": data.columns,
        "constants": [step.constants for step in chain.steps],
        "magnet": data.source.magnet.config() if data.source.magnet else None,
        "mirror": job.model.options.inputs.mirror,
    }


def _constants(chains: Mapping[str, Chain]) -> dict[str, Any]:
    return {n: [{"step": type(s).__name__, **s.constants} for s in chain.steps] for n, chain in chains.items()}


def _term(name: str, task: Task, chain: Chain, data: Data) -> Any:
    from app.features import columns_of
    from app.objective import Term

    weight = chain.weight(columns_of(next(iter(data.splits.train)).inputs, data.columns))
    mean = 1.0 if weight is None else float(np.mean(np.asarray(weight)))
    return Term(name, task.weight, partial(task.loss.component.call, **task.loss.parameters), chain, mean)
