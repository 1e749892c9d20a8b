"""Events to look at: which of the test events are shown, and their images, kept beside the predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.plots.drawing.displays import KINDS, Displays, merit
from app.predictions import Predictions

if TYPE_CHECKING:
    from app.config import Job
    from app.data.loading import Data
    from datasets.pipeline.events import Events, Input

OF_EACH = 3


def write_displays(path: Path, job: Job, data: Data, predictions: Predictions) -> None:
    """Write the images of the best, the worst and some random test events, where the data are images of planes.

    The test split is read once more for them, block by block.

    Args:
        path: of the npz.
        job: its seed chooses the random ones.
        data: of the job.
        predictions: of its test split.
    """
    chosen = choose(predictions, {name: task.targets for name, task in job.tasks.items()}, job.seed)
    if not chosen or not any(map(_is_image, data.source.inputs.values())):
        return
    task, kind, row = (np.array(column) for column in zip(*chosen, strict=True))
    images = _images(data.source.inputs, data.splits.test, row)
    canonical = data.source.facts.get("frame", "canonical") == "canonical"
    Displays(task, kind, row, predictions.key[row], images, canonical).write(path)


def choose(predictions: Predictions, tasks: Mapping[str, Sequence[str]], seed: int) -> list[tuple[str, str, int]]:
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


def _is_image(one: Input) -> bool:
    return (one.layer or {}).get("name") == "adc"


def _images(inputs: Mapping[str, Input], blocks: Iterable[Events], rows: NDArray[Any]) -> dict[str, Any]:
    """Return the images of some rows by plane, (K, ticks, channels); blocks behind the last of them are not read."""
    found: dict[int, dict[str, Any]] = {}
    first = 0
    for events in blocks:
        inside = np.unique(rows[(rows >= first) & (rows < first + len(events))])
        if len(inside):
            planes = _planes(inputs, events[inside - first])
            found |= {int(row): {p: values[i] for p, values in planes.items()} for i, row in enumerate(inside)}
        first += len(events)
        if len(found) == len(np.unique(rows)):
            break
    return {plane: np.stack([found[int(row)][plane] for row in rows]) for plane in found[int(rows[0])]}


def _planes(inputs: Mapping[str, Input], events: Events) -> dict[str, NDArray[np.float32]]:
    """Return images by plane: those of clusters are inputs of their own, those of volumes the last axis of one."""
    found: dict[str, NDArray[np.float32]] = {}
    for name, one in inputs.items():
        if _is_image(one):
            values = np.asarray(events.inputs[name], np.float32)
            values = values.swapaxes(1, 2) if (one.layer or {}).get("ticks") == "columns" else values
            several = values.ndim == 4
            names = [column.name for column in one.columns] if several else [name]
            parts = np.moveaxis(values, -1, 0) if several else values[None]
            found |= {n.rpartition("_")[2]: part for n, part in zip(names, parts, strict=True)}
    return found
