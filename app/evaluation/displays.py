"""Event displays: which of the test events are shown, and their images, kept next to the predictions."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.config import Job
from app.data.loading import Data
from app.plots.drawing.displays import KINDS, Displays, merit
from app.predictions import Predictions
from datasets.pipeline.events import Events, Input

OF_EACH = 3
"""Events of each kind: best, worst and random."""


def write_displays(path: Path, job: Job, data: Data, predictions: Predictions) -> None:
    """Write the images of the best, the worst and some random test events, where the data are images of planes.

    The test split is read again for them, block by block.

    Args:
        path: of the npz.
        job: its seed chooses the random ones.
        data: of the job.
        predictions: of its test split.
    """
    chosen = choose_events(predictions, {name: task.targets for name, task in job.tasks.items()}, job.seed)
    if not chosen or not any(map(is_image, data.source.inputs.values())):
        return
    task, kind, row = (np.array(column) for column in zip(*chosen, strict=True))
    images = read_images(data.source.inputs, data.splits.test, row)
    canonical = data.source.facts.get("frame", "canonical") == "canonical"
    Displays(task, kind, row, predictions.key[row], images, canonical).write(path)


def choose_events(
    predictions: Predictions, tasks: Mapping[str, Sequence[str]], seed: int
) -> list[tuple[str, str, int]]:
    """Return (task, kind, row) of three best, worst and random events of each task of a direction or a class."""
    chosen = []
    for task, targets in tasks.items():
        known = merit(predictions.only(targets))
        if known is None:
            continue
        order = np.argsort(-known, kind="stable")
        best, rest = order[:OF_EACH], order[OF_EACH:]
        worst, rest = rest[::-1][:OF_EACH], rest[:-OF_EACH]
        some = np.random.default_rng(seed).permutation(rest)[:OF_EACH]
        for kind, rows in zip(KINDS, (best, worst, some), strict=True):
            chosen += [(task, kind, int(row)) for row in rows]
    return chosen


def read_images(inputs: Mapping[str, Input], blocks: Iterable[Events], rows: NDArray[Any]) -> dict[str, Any]:
    """Return the images of some rows by plane, (K, ticks, channels).

    Images of clusters are inputs of their own, those of volumes the last axis of one input.

    Args:
        inputs: of the data.
        blocks: of events; those after the last of the rows are not read.
        rows: of the events, (K,).
    """
    images: dict[int, dict[str, Any]] = {}
    first = 0
    for events in blocks:
        inside = np.unique(rows[(rows >= first) & (rows < first + len(events))])
        for name, description in inputs.items() if len(inside) else ():
            if not is_image(description):
                continue
            values = np.asarray(events.inputs[name][inside - first], np.float32)
            if (description.layer or {}).get("ticks") == "columns":
                values = values.swapaxes(1, 2)
            planes, parts = [name], values[None]
            if values.ndim == 4:
                planes, parts = [column.name for column in description.columns], np.moveaxis(values, -1, 0)
            for plane, part in zip(planes, parts, strict=True):
                for row, image in zip(inside.tolist(), part, strict=True):
                    images.setdefault(row, {})[plane.rpartition("_")[2]] = image
        first += len(events)
        if len(images) == len(np.unique(rows)):
            break
    return {plane: np.stack([images[int(row)][plane] for row in rows]) for plane in images[int(rows[0])]}


def is_image(description: Input) -> bool:
    """Return whether an input holds images of wires, which the layer `adc` reads."""
    return (description.layer or {}).get("name") == "adc"
