"""The composition root: from a job and its data to its networks and its objective."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from app.checks.tasks import check_values
from app.config import Job, Task
from app.core.errors import UserError, unknown
from app.core.libraries import keras
from app.data.loading import Data, first_events, stack_columns
from app.data.targets import name_constant_targets, name_given_targets
from app.data.weighting import Blocks, make_curriculum
from app.models import SCORES
from app.training.classical import make_classical
from app.training.inputs import check_inputs, seen_inputs
from app.training.outputs import network_outputs, physical_outputs
from app.training.start import known_constants
from datasets.pipeline.batches import Batch
from datasets.pipeline.events import Events
from datasets.transforms.chain import Chain

ROWS_FOR_RANGES = 100_000


@dataclass(frozen=True)
class Networks:
    """A job's networks: `network` is trained, `deployed` maps raw inputs to physical outputs with the same weights.

    A classical model has nothing to train: its network and objective are None.

    Attributes:
        network: raw inputs to outputs in the space of the transforms.
        deployed: raw inputs to physical outputs.
        objective: what a training minimises.
        normalization: content of normalization.json.
        prepare: makes a batch of events with transformed targets: what the network shall predict.
        description: what a classical model is.
        seconds: how long a classical model took to fit.
    """

    network: Any
    deployed: Any
    objective: Any
    normalization: dict[str, Any]
    prepare: Callable[[Events], Batch]
    description: str = ""
    seconds: float = 0.0


def build(job: Job, data: Data) -> Networks:
    """Build the networks of a job; normalisation and transforms take their constants from the training split.

    A training that starts from another run takes over the constants of that run.

    Raises:
        UserError: the data do not allow what the job asks for.
    """
    keras.backend.clear_session()
    name_given_targets(job, data)
    normalization: dict[str, Any] = {"columns": data.columns, "inputs": {}, "tasks": {}}
    normalization |= facts_of_data(data)
    if job.is_classical:
        deployed, description, seconds = make_classical(job, data)
        return Networks(None, deployed, None, normalization, data.prepare, description, seconds)
    if job.training.mixed_precision:
        keras.config.set_dtype_policy("mixed_float16")
    check_inputs(job, data)
    known = known_constants(job)
    chains = {name: fit_chain(name, task, job, data, known["tasks"].get(name)) for name, task in job.tasks.items()}
    inputs = {name: keras.Input(i.shape, name=name) for name, i in data.source.inputs.items()}
    seen, normalization["inputs"] = seen_inputs(job, data, inputs, known["inputs"])
    outputs, path = network_outputs(job, data, seen, inputs, chains)
    network = keras.Model(inputs, outputs, name="network")
    deployed = keras.Model(inputs, physical_outputs(job, data, inputs, network.output, chains), name="model")
    objective = make_objective(job, data, network, chains, path)
    keras.config.set_dtype_policy("float32")
    for name, chain in chains.items():
        normalization["tasks"][name] = [{"step": type(step).__name__, **step.constants} for step in chain.steps]
    if data.weighting:
        normalization["weighting"] = data.weighting.dump()
    return Networks(network, deployed, objective, normalization, partial(prepare_batch, data=data, chains=chains))


def facts_of_data(data: Data) -> dict[str, Any]:
    """Return what predictions on other files need to know: ranges of the inputs, units and classes of the targets."""
    targets = data.source.targets.items()
    return {
        "ranges": input_ranges(data),
        "units": {name: column.unit for name, column in targets},
        "classes": {name: list(column.classes) for name, column in targets if column.classes},
    }


def input_ranges(data: Data) -> dict[str, list[list[float]]]:
    """Return the 0.1 and 99.9 % quantile of each column of the flat inputs, of the first training events."""
    events = first_events(data.splits.train, ROWS_FOR_RANGES)
    quantiles = {name: np.quantile(events.inputs[name], [0.001, 0.999], axis=0) for name in data.columns}
    return {name: values.T.astype(float).tolist() for name, values in quantiles.items()}


def prepare_batch(events: Events, data: Data, chains: Mapping[str, Chain]) -> Batch:
    """Return a batch whose targets are transformed, so that the compiled training step need not do it."""
    from app.layers.features import split_columns

    x, y, *weights = data.prepare(events)
    columns = split_columns(x, data.columns)
    return x, {n: np.asarray(chains[n].forward(values, columns), np.float32) for n, values in y.items()}, *weights


def fit_chain(name: str, task: Task, job: Job, data: Data, known: Sequence[Mapping[str, Any]] | None = None) -> Chain:
    """Return the transforms of a task with the constants that are known, else those of the training split.

    Raises:
        UserError: a transform needs a column that is not an input, or the loss does not allow the targets.
    """
    from app.layers.features import split_columns
    from app.layers.physical_outputs import make_chain

    def targets_and_columns(events: Events) -> tuple[Any, dict[str, Any]]:
        return stack_columns(events.columns, task.targets), split_columns(events.inputs, data.columns)

    name_constant_targets(task.targets, data.splits.train)
    try:
        specs = [spec.dump() for spec in task.transform]
        chain = make_chain(specs, task.targets, data.source.magnet, job.model.options.inputs.mirror)
        for column in chain.needs:
            if column not in data.column_names:
                what = "input column that a transform needs"
                raise UserError(unknown(what, column, data.column_names, ("transform",)))
        blocks = Blocks(data.splits.train, targets_and_columns)
        if known is None:
            chain.fit(blocks)
        else:
            for step, constants in zip(chain.steps, known, strict=True):
                step.constants = {key: value for key, value in constants.items() if key != "step"}
        check_values(task, chain.forward(*next(iter(blocks))))
    except UserError as error:
        raise error.within("tasks", name) from None
    return chain


def make_objective(job: Job, data: Data, network: Any, chains: Mapping[str, Chain], path: Any) -> Any:
    """Return what a training minimises: the tasks' losses and the constraints on tracks or on the scores of hits.

    Args:
        job: the job.
        data: of the job.
        network: raw inputs to outputs in the space of the transforms.
        chains: the transforms of each task.
        path: the layer that knows the whole track, or None.
    """
    from app.layers.features import split_columns
    from app.training.constraints import make_hit_constraints, make_track_constraints
    from app.training.objective import Objective, Term

    columns = split_columns(next(iter(data.splits.train)).inputs, data.columns)
    terms = []
    for name, task in job.tasks.items():
        weight = chains[name].weight(columns)
        mean = 1.0 if weight is None else float(np.mean(np.asarray(weight)))
        loss = partial(task.loss.component.call, **task.loss.arguments)
        terms.append(Term(name, task.weight, loss, chains[name], mean))
    scored = SCORES in network.output
    constraints = make_hit_constraints(job, data) if scored else make_track_constraints(job, data, path)
    balancing = partial(job.balancing.component.call, **job.balancing.arguments)
    return Objective(network, terms, data.columns, constraints, balancing, make_curriculum(job, data.column_names))
