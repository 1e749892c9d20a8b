"""Events that are displayed: the best, the worst and random ones, with their images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.files import write_bytes
from app.metrics.direction import COMPONENTS, opening_angle
from app.metrics.statistics.classes import as_classes, classes_of, probabilities
from app.predictions import Predictions

KINDS = ("best", "worst", "random")

IMAGE = "image_"
"""The prefix of the name of a plane in the file."""


@dataclass(frozen=True)
class Displays:
    """K events of a test split.

    Attributes:
        task: the task for which each was chosen, (K,).
        kind: best, worst or random, (K,).
        row: of each in predictions.csv, (K,).
        key: of each event, (K,), which identifies it among the predictions.
        images: ADC counts by plane, (K, ticks, channels).
        canonical: whether directions are in the canonical frame of the images; True where the data do not say.
    """

    task: NDArray[np.str_]
    kind: NDArray[np.str_]
    row: NDArray[np.int64]
    key: NDArray[np.uint64]
    images: Mapping[str, NDArray[np.float32]]
    canonical: bool = True

    def of(self, tasks: Iterable[str]) -> Displays:
        """Return the displays of some tasks."""
        chosen = np.flatnonzero(np.isin(self.task, list(tasks)))
        images = {plane: values[chosen] for plane, values in self.images.items()}
        return Displays(
            self.task[chosen], self.kind[chosen], self.row[chosen], self.key[chosen], images, self.canonical
        )

    def write(self, path: Path) -> None:
        """Write a compressed npz file: most pixels are zero."""
        images = {f"{IMAGE}{plane}": values for plane, values in self.images.items()}
        arrays = {name: getattr(self, name) for name in ("task", "kind", "row", "key", "canonical")} | images
        write_bytes(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def read(cls, path: Path) -> Displays:
        """Read what `write` wrote; raises UserError when it is damaged."""
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                images = {n.removeprefix(IMAGE): arrays[n] for n in arrays.files if n.startswith(IMAGE)}
                task, kind, row, key = (arrays[name] for name in ("task", "kind", "row", "key"))
                return cls(task, kind, row, key, images, bool(arrays["canonical"]))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            expected = "the displays of a finished run"
            raise UserError(Problem(f"cannot be read ({error})", (str(path),), expected=expected)) from None


def merit(predictions: Predictions) -> NDArray[np.float64] | None:
    """Return how good each prediction is, (N,): minus the opening angle, or the probability of the true class.

    Return None for a task that is neither a direction nor one class.
    """
    if not len(predictions):
        return None
    if set(COMPONENTS) <= set(predictions.true):
        both = (predictions.true, predictions.predicted)
        return -opening_angle(*(np.stack([values[name] for name in COMPONENTS], axis=-1) for values in both))
    if len(predictions.true) > 1 or not classes_of(predictions):
        return None
    events, counts = as_classes(predictions)
    (target, count) = next(iter(counts.items()))
    true, known = np.asarray(events.true[target], np.intp), probabilities(events.probability, target, count)
    return None if known is None else known[np.arange(len(true)), true]
