"""What a model sees: from raw input tensors to standardised columns and features, or through an input layer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
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
"""So many events, of all blocks alike, say what the constants of sparse images are: dense they are 3 MB each."""


def known_columns(data: Data) -> list[str]:
    """Return the names of all flat input columns."""
    return [column for columns in data.columns.values() for column in columns]


def check_inputs(job: Job, data: Data) -> None:
    """Refuse a mirror or features that the data do not allow."""
    from app.layers.features import check_features

    options = job.model.options.inputs
    if options.mirror:
        check_mirror(data.source.magnet, known_columns(data), [t for task in job.tasks.values() for t in task.targets])
    check_features(options.features or (), known_columns(data), data.source.magnet)


def seen_inputs(job: Job, data: Data, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the standardised tensors that the model sees by name, and the figures of the standardisation."""
    options = job.model.options.inputs
    rest = {name: _layered(name, inputs[name], data) for name in inputs if name not in data.columns}
    flat = {name: inputs[name] for name in data.columns}
    if options.mirror or options.features:
        from app.layers.features import Features

        magnet = data.source.magnet.config() if data.source.magnet else None
        names = options.features or tuple(known_columns(data))
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
        mean, std = mean_and_std(seen(inputs)[name] for inputs in flat)
        figures[name] = {"columns": list(columns[name]), "mean": mean.tolist(), "std": std.tolist()}
    return figures


def _layered(name: str, tensor: Any, data: Data) -> Any:
    """Return what the input layer of a raw input makes of it, its constants found on the training split."""
    wanted = data.source.inputs[name].layer
    if wanted is None:
        return tensor
    layer = INPUT_LAYERS.parse(wanted).build(f"{name}_layer")
    train = data.splits.train
    share = max(1, SPARSE_ROWS // len(train.blocks))
    layer.adapt(part for events in train for part in dense_parts(events.inputs[name], share))
    return layer(tensor)


def _normalized(name: str, tensor: Any, figures: Mapping[str, Mapping[str, list[float]]]) -> Any:
    if name not in figures:
        return tensor
    mean, std = (np.asarray(figures[name][key]) for key in ("mean", "std"))
    return keras.layers.Normalization(mean=mean, variance=std**2, name=f"{name}_normalized", dtype="float32")(tensor)


def momentum_input(job: Job, data: Data, inputs: Mapping[str, Any]) -> Any:
    """Return q/p of the network's raw inputs [1/GeV], (N,).

    Raises:
        UserError: there is no such input column, or a range of the model without a training event.
    """
    place = next(((name, columns.index("qop")) for name, columns in data.columns.items() if "qop" in columns), None)
    if place is None:
        known = [column for columns in data.columns.values() for column in columns]
        what = f"{job.model.name!r} needs the input column 'qop'"
        raise UserError(Problem(what, ("model",), received=known))
    name, column = place
    if "edges" in job.model.parameters:
        _check_filled(job.model.parameters["edges"], _momenta(data, name, column))
    return inputs[name][:, column]


def _momenta(data: Data, name: str, column: int) -> Any:
    return np.concatenate([1.0 / np.abs(events.inputs[name][:, column]) for events in data.splits.train])


def _check_filled(edges: Sequence[float], p: Any) -> None:
    """A range without training events would answer with the random numbers that its network began with."""
    counts = np.histogram(p, [0.0, *edges, np.inf])[0]
    words = [f"p < {edges[0]:g}", *(f"{a:g} <= p < {b:g}" for a, b in pairwise(edges))]
    words.append(f"p >= {edges[-1]:g}")
    logger.info("momentum ranges: %s", ", ".join(f"{w} GeV {n:,}" for w, n in zip(words, counts, strict=True)))
    for word, events in zip(words, counts, strict=True):
        if not events:
            expected = f"edges between the momenta of the training split, {p.min():.3g} to {p.max():.3g} GeV"
            raise UserError(
                Problem(f"no training event has {word} GeV", ("model", "edges"), expected=expected, received=[*edges])
            )
