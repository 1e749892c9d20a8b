"""The composition root: from a job to its data, its networks and its objective."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lazy_loader
import numpy as np

from app.config import Job, Task
from app.core.errors import Problem, UserError, unknown
from app.core.files import REPOSITORY, matching
from app.core.lock import locked
from datasets._events import Events, Source
from datasets._moments import moments
from datasets._pipeline import Batch, Part, Splits, split
from datasets.transforms import Chain

keras = lazy_loader.load("keras")
logger = logging.getLogger(__name__)

SIMULATION_WAIT = 24 * 3600.0


@dataclass(frozen=True)
class Data:
    """The events of a job, where they come from, and how they become batches."""

    source: Source
    splits: Splits
    simulated: bool
    prepare: Callable[[Events], Batch]

    @property
    def columns(self) -> dict[str, list[str]]:
        """Names of the columns of each flat input."""
        return {name: [c.name for c in i.columns] for name, i in self.source.inputs.items() if len(i.shape) == 1}


@dataclass(frozen=True)
class Built:
    """A job's networks: `network` is trained, `deployed` maps raw inputs to physical outputs with the same weights."""

    network: Any
    deployed: Any
    objective: Any
    normalization: dict[str, Any]


def data_root() -> Path:
    """Return the folder of simulated data: $WIRECHAMBER_DATA, else data/ in the repository."""
    return Path(os.environ.get("WIRECHAMBER_DATA") or REPOSITORY / "data")


def load_data(job: Job, limit: int | None = None, root: Path | None = None) -> Data:
    """Read (or first simulate) the job's data and split them.

    Args:
        job: the job.
        limit: at most so many events in each split.
        root: where simulated data lie, in place of `data_root()`.
    """
    options = job.dataset.options
    files = (
        matching(options.files, ("dataset", "files")) if options.files else simulated_files(job, root or data_root())
    )
    source = job.dataset.build(files)
    _check_targets(job, source)
    logger.info("data: %s%s", "SIMULATED, " if options.simulate else "", source.description)
    splits = split(source, options, limit)
    counts = [f"{name} {getattr(splits, name).rows:,}" for name in ("train", "validation", "test")]
    logger.info("split: %s", ", ".join(counts))
    _check_parts(splits)
    return Data(source, splits, options.simulate is not None, partial(_prepare, tasks=job.tasks))


def simulated_files(job: Job, root: Path) -> list[Path]:
    """Return the files of the job's simulation, made now unless an equal one made them before."""
    spec = job.dataset.options.simulate
    content = {"version": spec.component.facts.get("version"), **spec.dump()}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    folder = root / f"{spec.name}-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(f"cannot be made ({error.strerror})", (str(folder),))) from None
    with locked(folder / ".lock", wait=SIMULATION_WAIT):
        spec.build(folder)
    return sorted(folder.glob("shard_*"))


def _check_targets(job: Job, source: Source) -> None:
    for name, task in job.tasks.items():
        for position, target in enumerate(task.targets):
            if target not in source.targets:
                where = ("tasks", name, "targets", position)
                raise UserError(unknown("target", target, list(source.targets), where))


def _check_parts(splits: Splits) -> None:
    for name in ("train", "validation", "test"):
        if not getattr(splits, name).rows:
            raise UserError(Problem("the split is empty", ("dataset", "split", name), expected="at least one event"))


def _prepare(events: Events, tasks: Mapping[str, Task]) -> Batch:
    targets = {name: stacked(events.columns, task.targets) for name, task in tasks.items()}
    return dict(events.inputs), targets


def stacked(columns: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the named columns side by side, (N, names) float32."""
    return np.stack([np.asarray(columns[name], np.float32) for name in names], axis=-1)


def build(job: Job, data: Data) -> Built:
    """Build the networks of a job; normalisation and transforms take their constants from the training split."""
    from app.objective import Objective
    from app.physical import Physical

    keras.backend.clear_session()
    if job.training.mixed_precision:
        keras.config.set_dtype_policy("mixed_float16")
    chains = {name: _fitted_chain(name, task, data) for name, task in job.tasks.items()}
    figures = _input_moments(data)
    inputs = {name: keras.Input(i.shape, name=name) for name, i in data.source.inputs.items()}
    features = job.model.build({name: _normalized(name, tensor, figures) for name, tensor in inputs.items()})
    outputs = {n: task.head.build(features, len(task.targets), f"{n}_head") for n, task in job.tasks.items()}
    network = keras.Model(inputs, outputs, name="network")
    physical = {
        name: Physical(**_settings(task, chains[name], data), name=f"{name}_physical")(
            {"output": network.output[name], "inputs": {n: inputs[n] for n in data.columns}}
        )
        for name, task in job.tasks.items()
    }
    deployed = keras.Model(inputs, physical, name="model")
    objective = Objective(network, [_term(n, t, chains[n], data) for n, t in job.tasks.items()], data.columns)
    keras.config.set_dtype_policy("float32")
    return Built(network, deployed, objective, {"inputs": figures, "tasks": _constants(chains)})


def _normalized(name: str, tensor: Any, figures: Mapping[str, Mapping[str, list[float]]]) -> Any:
    if name not in figures:
        return tensor
    mean, std = (np.asarray(figures[name][key]) for key in ("mean", "std"))
    return keras.layers.Normalization(mean=mean, variance=std**2, name=f"{name}_normalized", dtype="float32")(tensor)


def _input_moments(data: Data) -> dict[str, dict[str, list[float]]]:
    figures = {}
    for name, description in data.source.inputs.items():
        if description.standardize:
            mean, std = moments(events.inputs[name] for events in data.splits.train)
            figures[name] = {
                "columns": [c.name for c in description.columns],
                "mean": mean.tolist(),
                "std": std.tolist(),
            }
    return figures


def _fitted_chain(name: str, task: Task, data: Data) -> Chain:
    from app.physical import make_chain

    try:
        return _fitted(make_chain([spec.dump() for spec in task.transform], task.targets), task, data)
    except UserError as error:
        raise error.under("tasks", name) from None


def _fitted(chain: Chain, task: Task, data: Data) -> Chain:
    known = [column for columns in data.columns.values() for column in columns]
    for column in chain.needs:
        if column not in known:
            raise UserError(unknown("input column that a transform needs", column, known, ("transform",)))
    chain.fit(_Blocks(data, task))
    return chain


class _Blocks:
    """The training split as (targets, inputs) again and again, a block at a time."""

    def __init__(self, data: Data, task: Task) -> None:
        self.data, self.task = data, task

    def __iter__(self) -> Any:
        from app.physical import columns_of

        for events in self.data.splits.train:
            yield stacked(events.columns, self.task.targets), columns_of(events.inputs, self.data.columns)


def _settings(task: Task, chain: Chain, data: Data) -> dict[str, Any]:
    return {
        "targets": list(task.targets),
        "transforms": [spec.dump() for spec in task.transform],
        "columns": data.columns,
        "constants": [step.constants for step in chain.steps],
    }


def _constants(chains: Mapping[str, Chain]) -> dict[str, Any]:
    return {n: [{"step": type(s).__name__, **s.constants} for s in chain.steps] for n, chain in chains.items()}


def _term(name: str, task: Task, chain: Chain, data: Data) -> Any:
    from app.objective import Term
    from app.physical import columns_of

    first: Part = data.splits.train
    weight = chain.weight(columns_of(next(iter(first)).inputs, data.columns))
    mean = 1.0 if weight is None else float(np.mean(np.asarray(weight)))
    return Term(name, task.weight, partial(task.loss.component.call, **task.loss.parameters), chain, mean)
