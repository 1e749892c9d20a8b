"""A deployed model called on many events, and the predictions of every task from its outputs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config import Job
from app.core.interruption import check
from app.core.libraries import keras, tf
from app.models import HIT_PROBABILITY
from app.predictions import EFFICIENCY, PURITY, TASK_OUTPUTS, VALUE, Predictions, output_columns, task_outputs
from datasets.pipeline.arrays import Jagged, dense, rows_at_once
from datasets.pipeline.events import Events
from losses.constraints import ASSIGNED

ROWS_AT_ONCE = 8192
NUMBERS_AT_ONCE = 2**26
"""Numbers in the widest tensor of a model while it predicts (256 MB): maps of images are far larger than images."""
HEADS = 8
"""Attention heads, each with a table of hits against hits, that the memory of jagged inputs allows for."""


class Predictor:
    """Calls a deployed model: raw inputs {name: (N, ...)} to {task: (N, targets)} in physical units.

    At most `rows_at_once` events, and of images fewer, are with the model at a time.
    """

    def __init__(self, deployed: Any, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self.names = frozenset(deployed.input)
        layers, widest = list(deployed.layers), 1
        for layer in layers:
            layers += layer.layers if isinstance(layer, keras.Model) else []
            tensors = keras.tree.flatten(layer.output)
            widest = max([widest, *(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)])
        self.rows_at_once = min(rows_at_once, max(1, NUMBERS_AT_ONCE // widest))
        self._call = tf.function(lambda inputs: deployed(inputs, training=False), reduce_retracing=True)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Predict, some events at a time; outputs of single hits are padded to the longest event (N, h)."""
        parts = [self.predict_portion(portion) for portion in self.portions(inputs)]
        if not parts:  # a network needs an event, to say which outputs it has
            one = {name: np.zeros((1, *inputs[name].shape[1:]), np.float32) for name in self.names}
            return {name: array[:0] for name, array in self.predict_portion(one).items()}
        outputs = {}
        for name in parts[0]:
            arrays = [part[name] for part in parts]
            width = max(array.shape[1] for array in arrays)
            if any(array.shape[1] != width for array in arrays):
                arrays = [np.pad(array, ((0, 0), (0, width - array.shape[1]))) for array in arrays]
            outputs[name] = np.concatenate(arrays)
        return outputs

    def portions(self, inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the inputs of some events at a time, images and hits as dense arrays."""
        inputs = {name: array for name, array in inputs.items() if name in self.names}
        rows = len(next(iter(inputs.values())))
        size = min(self.rows_at_once, rows_at_once(list(inputs.values())))
        for array in inputs.values():
            if isinstance(array, Jagged):  # each hit of an event may look at each other one
                size = min(size, max(1, NUMBERS_AT_ONCE // (HEADS * array.shape[1] ** 2)))
        for first in range(0, rows, size):
            yield {name: dense(array[first : first + size]) for name, array in inputs.items()}

    def predict_portion(self, portion: Mapping[str, Any]) -> dict[str, Any]:
        """Predict what `portions` yields; raises Interrupted where a signal came."""
        check()
        tensors = {name: tf.constant(array) for name, array in portion.items()}
        return {name: tensor.numpy() for name, tensor in self._call(tensors).items()}


def predict(predictor: Predictor, events: Events, job: Job) -> Predictions:
    """Return the predictions of all tasks on `events`, with the truth of the targets that these have."""
    tasks = {name: task.targets for name, task in job.tasks.items()}
    targets = [target for names in tasks.values() for target in names]
    predicted: dict[str, dict[str, Any]] = {output: {} for output in TASK_OUTPUTS}
    outputs = predictor(events.inputs)
    for output, name, values in named_outputs(outputs, tasks):
        predicted[output][name] = np.asarray(values, np.float64)
    others = {  # integers stay integers: float64 rounds them above 2^53
        name: values if values.dtype.kind in "iub" else np.asarray(values, np.float64)
        for name, values in events.columns.items()
        if name not in targets
    }
    return Predictions(
        key=events.key,
        true={t: np.asarray(events.columns[t], np.float64) for t in targets if t in events.columns},
        predicted=predicted.pop(VALUE),
        columns=others | hit_columns(outputs, events, job),
        **predicted,
    )


def named_outputs(outputs: Mapping[str, Any], tasks: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, Any]]:
    """Yield (output, name, values (N,)) of each column that a deployed model predicts.

    Args:
        outputs: of the model, (N, columns) each.
        tasks: the targets of each task.
    """
    for task, targets in tasks.items():
        for output, values in task_outputs(outputs, task).items():
            names = output_columns(output, task, targets, values.shape[1])
            for name, column in zip(names, values.T, strict=True):
                yield output, name, column


def hit_columns(outputs: Mapping[str, Any], events: Events, job: Job) -> dict[str, NDArray[np.float64]]:
    """Return purity and efficiency of the assignment in every event, (N,); nothing where either side is not known.

    A hit is assigned when its probability is above the model's threshold. The purity is the share of the assigned hits
    that are the muon's, NaN where none is assigned; the efficiency that of the muon's hits that are assigned, NaN where
    it has none.
    """
    if HIT_PROBABILITY not in outputs or ASSIGNED not in events.inputs:
        return {}
    assigned = outputs[HIT_PROBABILITY] > job.model.parameters["threshold"]
    true = np.asarray(events.inputs[ASSIGNED]) > 0
    sets = (assigned & true, assigned, true)
    both, assigned_hits, true_hits = (np.sum(hits, axis=1, dtype=np.float64) for hits in sets)
    nothing = np.full(len(events), np.nan)
    return {
        PURITY: np.divide(both, assigned_hits, out=nothing.copy(), where=assigned_hits > 0),
        EFFICIENCY: np.divide(both, true_hits, out=nothing, where=true_hits > 0),
    }
