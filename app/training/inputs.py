"""What a model sees: from raw input tensors to standardised columns and features, or through an input layer."""

import logging
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from app.core.libraries import keras
from app.data.loading import Data
from app.layers.inputs import INPUT_LAYERS
from datasets.pipeline.arrays import dense_parts
from datasets.pipeline.moments import mean_and_std
from datasets.transforms.chain import check_mirror

logger = logging.getLogger(__name__)

FEATURES = "features"
SPARSE_ROWS = 1000
"""Events that the constants of sparse images are taken from, evenly from all blocks: dense they are 3 MB each."""


def check_inputs(job: Job, data: Data) -> None:
    """Refuse a mirror or features that the data do not allow."""
    from app.layers.features import check_features

    options, columns = job.model.options.inputs, data.column_names
    if options.mirror:
        check_mirror(data.source.magnet, columns, [target for task in job.tasks.values() for target in task.targets])
    check_features(options.features or (), columns, data.source.magnet)


def seen_inputs(
    job: Job, data: Data, inputs: Mapping[str, Any], known: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors that the model sees by name, and the means and standard deviations that standardise them.

    Args:
        job: the job.
        data: of the job; means, deviations and the constants of input layers are those of its training split.
        inputs: the raw inputs.
        known: means and deviations of the run that a training starts from, for inputs of the same columns.
    """
    options, train = job.model.options.inputs, data.splits.train
    layered = {}
    for name, tensor in inputs.items():
        if name in data.columns:
            continue
        settings = data.source.inputs[name].layer
        if settings is not None:
            layer = INPUT_LAYERS.parse(settings).build(f"{name}_layer")
            share = max(1, SPARSE_ROWS // len(train.blocks))
            layer.adapt(part for events in train for part in dense_parts(events.inputs[name], share))
            tensor = layer(tensor)
        layered[name] = tensor
    flat, columns = {name: inputs[name] for name in data.columns}, dict(data.columns)
    features: Any = None
    if options.mirror or options.features:
        from app.layers.features import Features

        magnet = data.source.magnet.config() if data.source.magnet else None
        columns = {FEATURES: list(options.features or data.column_names)}
        features = Features(data.columns, tuple(columns[FEATURES]), options.mirror, magnet, name=FEATURES)
        flat = {FEATURES: features(flat)}
    seen, figures = {**flat, **layered}, {}
    for name in columns:
        if name in data.source.inputs and not data.source.inputs[name].standardize:
            continue
        if known.get(name, {}).get("columns") == columns[name]:
            figures[name] = dict(known[name])
            continue
        arrays = ({n: events.inputs[n] for n in data.columns} for events in train)
        mean, std = mean_and_std(np.asarray(features(block)) if features else block[name] for block in arrays)
        figures[name] = {"columns": columns[name], "mean": mean.tolist(), "std": std.tolist()}
    for name, entry in figures.items():
        mean, std = (np.asarray(entry[key]) for key in ("mean", "std"))
        layer = keras.layers.Normalization(mean=mean, variance=std**2, name=f"{name}_normalized", dtype="float32")
        seen[name] = layer(seen[name])
    return seen, figures


def momentum_input(job: Job, data: Data, inputs: Mapping[str, Any]) -> Any:
    """Return q/p of the network's raw inputs [1/GeV], (N,).

    Raises:
        UserError: there is no such input column, or a range of the model without a training event.
    """
    place = next(((name, columns.index("qop")) for name, columns in data.columns.items() if "qop" in columns), None)
    if place is None:
        what = f"{job.model.name!r} needs the input column 'qop'"
        raise UserError(Problem(what, ("model",), received=data.column_names))
    name, column = place
    if "edges" in job.model.parameters:
        p = np.concatenate([1.0 / np.abs(events.inputs[name][:, column]) for events in data.splits.train])
        check_momentum_ranges(job.model.parameters["edges"], p)
    return inputs[name][:, column]


def check_momentum_ranges(edges: Any, p: Any) -> None:
    """Refuse a range without training events: it would answer with the random numbers that its network began with.

    Args:
        edges: of the ranges [GeV], from low to high.
        p: momenta of the training events [GeV], (N,).
    """
    counts = np.histogram(p, [0.0, *edges, np.inf])[0]
    ranges = [f"p < {edges[0]:g}", *(f"{a:g} <= p < {b:g}" for a, b in pairwise(edges)), f"p >= {edges[-1]:g}"]
    described = [f"{text} GeV {number:,}" for text, number in zip(ranges, counts, strict=True)]
    logger.info("momentum ranges: %s", ", ".join(described))
    for text, number in zip(ranges, counts, strict=True):
        if not number:
            what = f"no training event has {text} GeV"
            expected = f"edges between the momenta of the training split, {p.min():.3g} to {p.max():.3g} GeV"
            raise UserError(Problem(what, ("model", "edges"), expected=expected, received=[*edges]))
