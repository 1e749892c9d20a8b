"""Models that need no training: fitted in closed form, or not at all. Needs Keras."""

from __future__ import annotations

from typing import Any

import keras

from app.config import Job
from app.data import Data


def deployed_model(job: Job, data: Data) -> Any:
    """Return the model of raw inputs to physical targets that a classical model stands for."""
    inputs = {name: keras.Input(i.shape, name=name) for name, i in data.source.inputs.items()}
    outputs = {name: job.model.build(data, task.targets)(inputs) for name, task in job.tasks.items()}
    return keras.Model(inputs, outputs, name="model")
