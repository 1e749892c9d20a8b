"""A finished run's predictions on files that need not hold the truth, block by block."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.config import Job
from app.core.errors import Problem, UserError
from app.evaluation.predict import Predictor, predict
from app.predictions import Predictions
from datasets import DATASETS
from datasets.pipeline.checked import open_source
from datasets.pipeline.events import Events, Source

SHARE_TO_WARN = 0.01
"""Of the events; 0.2 % of those that were trained on lie outside by definition."""


def open_unlabelled(job: Job, files: Sequence[Path]) -> Source:
    """Return the events of other files of the job's kind, without the truth where the loader can do so.

    Raises:
        UserError: the files lack an input, or the truth that this loader needs.
    """
    content = {name: value for name, value in job.dataset.dump().items() if name not in ("simulate", "split")}
    for truth in (True, False):
        own = {"truth": truth} if "truth" in job.dataset.parameters else {}
        try:
            return open_source(DATASETS.parse({**content, **own, "files": [str(path) for path in files]}), files)
        except UserError as error:
            if not truth or not own:
                raise
            refused = error
    raise refused


@dataclass
class Ranges:
    """Counts the events whose inputs lie outside of what the network was trained on.

    Attributes:
        known: [low, high] of each column, by input; of older runs {}.
        columns: names of the columns, by input.
        outside: number of events outside, by column.
        events: how many were seen.
    """

    known: Mapping[str, Sequence[Sequence[float]]]
    columns: Mapping[str, Sequence[str]]
    outside: dict[str, int] = field(default_factory=dict)
    events: int = 0

    def look(self, events: Events) -> None:
        """Count a block of events."""
        self.events += len(events)
        for name, limits in self.known.items():
            low, high = np.asarray(limits, np.float32).T
            counts = ((events.inputs[name] < low) | (events.inputs[name] > high)).sum(axis=0)
            for column, count in zip(self.columns[name], counts, strict=True):
                self.outside[column] = self.outside.get(column, 0) + int(count)

    def lines(self) -> list[str]:
        """Return a line for each column of which more than 1 % of the events lie outside."""
        if not self.known and self.columns:
            return ["whether the inputs are like those of the training is not known: the run is older than this check"]
        limits = {c: r for name, known in self.known.items() for c, r in zip(self.columns[name], known, strict=True)}
        return [
            f"{count / self.events:.1%} of the events have {column} outside of {limits[column][0]:.4g} to "
            f"{limits[column][1]:.4g}, where 99.8 % of the training events lie"
            for column, count in self.outside.items()
            if count > SHARE_TO_WARN * self.events
        ]


def predictions_of(source: Source, job: Job, deployed: Any, ranges: Ranges) -> Iterator[Predictions]:
    """Yield the predictions of each block of events; raises UserError when there is no event at all."""
    predictor = Predictor(deployed)
    for events in source:
        if len(events):
            ranges.look(events)
            yield predict(predictor, events, job)
    if not ranges.events:
        raise UserError(Problem("no events in these files", ("--data",), received=list(source.files)[:3]))
