"""Models that tell tracks apart by momentum: the q/p that they get, and the ranges that need training events."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from app.data.loading import Data

logger = logging.getLogger(__name__)


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
            raise UserError(Problem(f"no training event has {word} GeV", ("model", "edges"), None, expected, [*edges]))
