"""Models that need no training: fitted in closed form, or not at all."""

import time
from functools import cache
from typing import Any

from app.checks.jobs import check_classical
from app.config import Job
from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.data.loading import Data, baseline_tables
from app.models.blocks.classical import BaselineInputs


def make_classical(job: Job, data: Data) -> tuple[Any, str, float]:
    """Fit the model of a classical job, a layer for each task.

    Returns:
        The model from raw inputs to physical targets, what it is, and how long it took to fit [s]: 0 for a formula.

    Raises:
        UserError: the job asks for what only a network can do, or the data lack a column or the field.
    """
    check_classical(job)
    facts = job.model.component.facts
    for column in facts.inputs:
        if column not in data.column_names:
            what = f"the model {job.model.name!r} needs the input column {column!r}"
            expected = f"track states with {', '.join(facts.inputs)}"
            raise UserError(Problem(what, ("model",), expected=expected, received=data.column_names))
    if facts.field:
        if data.source.magnet is None:
            what = f"the model {job.model.name!r} needs the field of the data, which is not known"
            raise UserError(Problem(what, ("model",), expected="'field' in the dataset, or data of 'simulate'"))
        _ = data.source.magnet.field  # what cannot be read is named here: Keras adds words to what a layer raises
    inputs = {name: keras.Input(i.shape, name=name) for name, i in data.source.inputs.items()}
    began, layers = time.monotonic(), {}
    tables = cache(lambda: baseline_tables(data))
    for name, task in job.tasks.items():
        try:
            known = BaselineInputs(f"{name}_physical", data.columns, task.targets, data.source.magnet, tables)
            layers[name] = job.model.build(known)
        except UserError as error:
            raise error.within("model") from None
    seconds = time.monotonic() - began
    outputs = {name: layer({n: inputs[n] for n in data.columns}) for name, layer in layers.items()}
    description = "; ".join(dict.fromkeys(layer.description for layer in layers.values()))
    deployed = keras.Model(inputs, outputs, name="model")
    return deployed, description, seconds if deployed.count_params() else 0.0
