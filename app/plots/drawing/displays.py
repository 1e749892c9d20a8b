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
"""Before the name of a plane in the file."""


@dataclass(frozen=True)
class Displays:
    """K events of a test split.

    Attributes:
        task: whose they are, (K,).
        kind: best, worst or random, (K,).
        row: of each in predictions.csv, (K,).
        key: of each, (K,), by which the predictions are held against it.
        images: ADC counts by plane, (K, ticks, channels).
        canonical: whether directions are in the frame in which images grow with them, or the data do not say.
    """

    task: NDArray[np.str_]
    kind: NDArray[np.str_]
    row: NDArray[np.int64]
    key: NDArray[np.uint64]
    images: Mapping[str, NDArray[np.float32]]
    canonical: bool = True

    def of(self, tasks: Iterable[str]) -> Displays:
        """Return those of some tasks."""
        some = np.flatnonzero(np.isin(self.task, list(tasks)))
        images = {plane: values[some] for plane, values in self.images.items()}
        return Displays(self.task[some], self.kind[some], self.row[some], self.key[some], images, self.canonical)

    def write(self, path: Path) -> None:
        """Write the npz, compressed, for most pixels are zero."""
        images = {f"{IMAGE}{plane}": values for plane, values in self.images.items()}
        arrays = {name: getattr(self, name) for name in ("task", "kind", "row", "key", "canonical")} | images
        write_bytes(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def read(cls, path: Path) -> Displays:
        """Read what `write` wrote; raises UserError when it is damaged."""
        try:
            with path.open("rb") as file, np.load(file) as found:
                images = {n.removeprefix(IMAGE): found[n] for n in found.files if n.startswith(IMAGE)}
                task, kind, row, key = (found[name] for name in ("task", "kind", "row", "key"))
                return cls(task, kind, row, key, images, bool(found["canonical"]))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            expected = "the displays of a finished run"
            raise UserError(Problem(f"cannot be read ({error})", (str(path),), expected=expected)) from None


def merit(predictions: Predictions) -> NDArray[np.float64] | None:
    """Return how good each prediction is, (N,): minus the opening angle, or the probability of the true class.

    None of a task that is neither a direction nor one class.
    """
    if not len(predictions):
        return None
    if set(COMPONENTS) <= set(predictions.true):
        both = (predictions.true, predictions.predicted)
        return -opening_angle(*(np.stack([values[name] for name in COMPONENTS], axis=-1) for values in both))
    if len(predictions.true) > 1 or not classes_of(predictions):
        return None
    found, counts = as_classes(predictions)
    (target, count) = next(iter(counts.items()))
    true, known = np.asarray(found.true[target], np.intp), probabilities(found.probability, target, count)
    return None if known is None else known[np.arange(len(true)), true]
