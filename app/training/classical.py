"""Models that need no training: fitted in closed form, or not at all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from app.checks.classical import check_classical
from app.config import Job
from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.models.blocks.classical import BaselineInputs

if TYPE_CHECKING:
    from app.data.loading import Data


@dataclass(frozen=True)
class Classical:
    """A model of raw inputs to physical targets, what it is, and how long it took to fit [s]: 0 for a formula."""

    deployed: Any
    description: str
    seconds: float


def make_classical(job: Job, data: Data) -> Classical:
    """Fit the model of a classical job, a layer for each task.

    Raises:
        UserError: the job asks for what only a network can do, or the data lack a column or the field.
    """
    check_classical(job)
    _check_data(job, data)
    inputs = {name: keras.Input(i.shape, name=name) for name, i in data.source.inputs.items()}
    began = time.monotonic()
    layers = _layers(job, data)
    seconds = time.monotonic() - began
    outputs = {name: layer({n: inputs[n] for n in data.columns}) for name, layer in layers.items()}
    description = "; ".join(dict.fromkeys(layer.description for layer in layers.values()))
    deployed = keras.Model(inputs, outputs, name="model")
    return Classical(deployed, description, seconds if deployed.count_params() else 0.0)


def _layers(job: Job, data: Data) -> dict[str, Any]:
    from app.data.tables import tables

    once = cache(lambda: tables(data))
    layers = {}
    for name, task in job.tasks.items():
        try:
            known = BaselineInputs(f"{name}_physical", data.columns, task.targets, data.source.magnet, once)
            layers[name] = job.model.build(known)
        except UserError as error:
            raise error.under("model") from None
    return layers


def _check_data(job: Job, data: Data) -> None:
    facts = job.model.component.facts
    columns = [column for names in data.columns.values() for column in names]
    for column in facts.inputs:
        if column not in columns:
            what = f"the model {job.model.name!r} needs the input column {column!r}"
            raise UserError(
                Problem(what, ("model",), expected=f"track states with {', '.join(facts.inputs)}", received=columns)
            )
    if facts.field and data.source.magnet is None:
        what = f"the model {job.model.name!r} needs the field of the data, which is not known"
        raise UserError(Problem(what, ("model",), expected="'field' in the dataset, or data of 'simulate'"))
