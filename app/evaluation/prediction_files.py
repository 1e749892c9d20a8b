"""A finished run's predictions on files that need not hold the truth, block by block."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from app.config import Job
from app.config.job_file import parse
from app.core.errors import Problem, UserError
from app.core.files import read_json
from app.evaluation.predict import Predictor, predict
from app.models import MODELS
from app.predictions import Predictions
from app.runs.directory import RunDirectory
from app.runs.files import read_job
from datasets import DATASETS
from datasets.pipeline.checked import open_source
from datasets.pipeline.events import Events, Source

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
PART = re.compile(r"(:[^/]*)/\d+$")
"""The number behind a part of a file, as `file.npz:train_/3`: rows are counted in the part."""
SHARE_TO_WARN = 0.01
"""Of the events; 0.2 % of those that were trained on lie outside by definition."""


def job_to_predict(run: RunDirectory) -> Job:
    """Return the job of a run, reduced to dataset, model and targets where the rest of it cannot be read.

    A prediction needs no more: a loss or a metric of the user's own need not be there.
    """
    try:
        return read_job(run.job)
    except UserError:
        content = read_json(run.job)
        if not {"name", "application", "dataset", "model", "tasks"} <= content.keys():
            raise
        tasks = {n: {"targets": t["targets"], "enabled": t.get("enabled", True)} for n, t in content["tasks"].items()}
        try:
            model = MODELS.parse(content["model"]).dump()
        except UserError:  # a saved model is loaded without the function that built it
            model = {"name": "mlp"}
        return parse({**{n: content[n] for n in ("name", "application", "dataset")}, "model": model, "tasks": tasks})


def use_events(job: Job, files: Sequence[Path], use: Callable[[Source], Result]) -> Result:
    """Return what `use` makes of other files of the job's kind, without their truth where it is missing or wrong.

    Raises:
        UserError: the files lack an input, or the truth that this loader needs.
    """
    content = {name: value for name, value in job.dataset.dump().items() if name not in ("simulate", "split")}
    content["files"] = [str(path) for path in files]
    if "truth" not in job.dataset.parameters:
        return use(open_source(DATASETS.parse(content), files))
    remark = ""
    try:
        source = open_source(DATASETS.parse({**content, "truth": True}), files)
        remark = "predicted without the truth of these files: "
        return use(source)
    except UserError as error:
        remark += str(error) if remark else ""
    result = use(open_source(DATASETS.parse({**content, "truth": False}), files))
    if remark:  # else the files have no truth
        logger.warning(remark)
    return result


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


def predictions_of(
    source: Source, job: Job, deployed: Any, ranges: Ranges, classes: Mapping[str, Sequence[str]]
) -> Iterator[Predictions]:
    """Yield the predictions of each block of events; raises UserError when there is no event at all.

    Args:
        source: the events.
        job: of the run.
        deployed: its model.
        ranges: counts the events unlike those of the training.
        classes: names of the classes, by target.
    """
    predictor = Predictor(deployed)
    for events, where in located(source):
        if len(events):
            ranges.look(events)
            predictions = predict(predictor, events, job)
            columns = {**where, **predictions.columns, **name_classes(predictions, classes)}
            named = [named_by_class(values, classes) for values in (predictions.probability, predictions.spread)]
            yield replace(predictions, columns=columns, probability=named[0], spread=named[1])
    if not ranges.events:
        raise UserError(Problem("no events in these files", ("--data",), received=list(source.files)[:3]))


def located(source: Source) -> Iterator[tuple[Events, dict[str, Any]]]:
    """Yield each block, and the columns that say where its events are.

    They are `row`, counted from 0 in each file, where the loader knows it or reads all rows, and `file` where there are
    several.
    """
    names = [PART.sub(r"\1", name) for name in source.files]
    files, read = list(dict.fromkeys(names)), Counter[str]()
    for name, events in zip(names, source, strict=True):
        where = {"file": np.full(len(events), files.index(name))} if len(files) > 1 else {}
        rows = np.arange(read[name], read[name] + len(events)) if events.rows is None else events.rows
        read[name] += len(events)
        yield events, where | ({} if events.rows is None and source.selects else {"row": rows})


def name_classes(predictions: Predictions, classes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return `class_<target>` (N,), the name of the most probable class, of the targets whose classes have names."""
    named = {}
    for target, names in classes.items():
        if target in predictions.predicted:
            number = np.rint(np.nan_to_num(predictions.predicted[target]))
            named[f"class_{target}"] = np.array(names)[np.clip(number, 0, len(names) - 1).astype(int)]
    return named


def named_by_class(values: Mapping[str, Any], classes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return values by `<target>_<class>` with the names of the classes, where these have any, in place of numbers.

    >>> named_by_class({"kind_0": 0.2, "kind_1": 0.8, "y": 3}, {"kind": ["e", "mu"]})
    {'kind_e': 0.2, 'kind_mu': 0.8, 'y': 3}
    """
    names = {f"{target}_{k}": f"{target}_{name}" for target, of in classes.items() for k, name in enumerate(of)}
    return {names.get(name, name): array for name, array in values.items()}
