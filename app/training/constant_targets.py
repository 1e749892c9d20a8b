"""Targets that have one value in all training events, of which there is nothing to learn."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np

from datasets.pipeline.events import Events

logger = logging.getLogger(__name__)


def name_constant_targets(targets: Sequence[str], blocks: Iterable[Events]) -> None:
    """Say in one line which targets never change; of data where all do only the first block is read."""
    values: dict[str, float] = {}
    constant = list(targets)
    for events in blocks:
        if not len(events):
            continue
        for name in constant:
            values.setdefault(name, events.columns[name][0].item())
        constant = [name for name in constant if np.all(events.columns[name] == values[name])]
        if not constant:
            return
    if values:
        said = ", ".join(f"{name} = {values[name]:.6g}" for name in constant)
        logger.warning("there is nothing to learn of targets with one value in all training events: %s", said)
