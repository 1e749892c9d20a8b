"""The data of a job: read or simulated, split, and turned into batches, or into the tables that baselines take."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.config import Job, Task
from app.core.catalog import Spec
from app.core.errors import Place, Problem, UserError, unknown
from app.core.files import find_files
from app.core.lock import locked
from app.core.parts import sweep
from app.core.system import roots
from app.data.weighting import Weighting, make_weighting
from app.metrics import baselines
from datasets import DATASETS
from datasets.files.shards import is_simulated
from datasets.pipeline.arrays import dense
from datasets.pipeline.batches import Batch
from datasets.pipeline.checked import open_source
from datasets.pipeline.events import Events, Source
from datasets.pipeline.options import Split
from datasets.pipeline.split import Part, Splits, bootstrap, split

logger = logging.getLogger(__name__)

SIMULATION_WAIT = 24 * 3600.0
"""Seconds to wait for another process that makes the same simulation."""
ROWS_FOR_BASELINES = 100_000


@dataclass(frozen=True)
class Data:
    """The events of a job, where they come from, and how they become batches.

    Attributes:
        source: of the events.
        splits: training, validation and test events.
        simulated: whether the job's dataset simulates them, or its first file was written by `wirechamber simulate`.
        prepare: makes a batch (inputs, targets by task and, with weightings, weights) of events.
        unlabelled: states without truth: inputs only.
        weighting: of the events, or None.
        limit: at most so many events of each split are used; None: all.
    """

    source: Source
    splits: Splits
    simulated: bool
    prepare: Callable[[Events], Batch]
    unlabelled: Part | None = None
    weighting: Weighting | None = None
    limit: int | None = None

    @property
    def fingerprint(self) -> str:
        """The hash of the source, and of the limit: figures of a part of the events stand in no table of all."""
        return self.source.fingerprint if self.limit is None else f"{self.source.fingerprint}, first {self.limit}"

    @property
    def description(self) -> str:
        """One line for log and registry."""
        limit = "" if self.limit is None else f", at most {self.limit:,} in each split"
        return f"{self.source.description}{limit}"

    @property
    def columns(self) -> dict[str, list[str]]:
        """Names of the columns of each flat input."""
        return {name: [c.name for c in i.columns] for name, i in self.source.inputs.items() if i.flat}

    @property
    def column_names(self) -> list[str]:
        """Names of all columns of flat inputs."""
        return [column for columns in self.columns.values() for column in columns]


def data_root() -> Path:
    """Return the folder of simulated data: $WIRECHAMBER_DATA, else data/ in the repository."""
    return roots().data


def load_data(job: Job, limit: int | None = None, root: Path | None = None, level: int = logging.INFO) -> Data:
    """Read (or first simulate) the job's data and split them.

    Args:
        job: the job.
        limit: at most so many events in each split.
        root: where simulated data lie, in place of `data_root()`.
        level: at which the log says what the data are.

    Raises:
        UserError: the data cannot be read or lack a target, or a split is empty.
    """
    options, root = job.dataset.options, root or data_root()
    files = find_files(options.files, ("dataset", "files")) if options.files else simulated_files(job.dataset, root)
    source = open_source(job.dataset, files)
    for name, task in job.tasks.items():
        for position, target in enumerate(task.targets):
            if target not in source.targets:
                reason = f"target, {source.absent[target]}" if target in source.absent else "target"
                raise UserError(unknown(reason, target, list(source.targets), ("tasks", name, "targets", position)))
    simulated = options.simulate is not None or is_simulated(files[0])
    logger.log(level, "data: %s%s", "SIMULATED, " if simulated else "", source.description)
    splits = split(source, options, limit)
    rows = {name: getattr(splits, name).rows for name in ("train", "validation", "test")}
    source = replace(source, description=describe(source, options.split, None if limit else sum(rows.values())))
    most = "" if limit is None else f" (at most {limit:,} of each are read)"
    logger.log(level, "split: %s%s", ", ".join(f"{name} {number:,}" for name, number in rows.items()), most)
    for name, number in rows.items():
        if not number:
            raise UserError(Problem("the split is empty", ("dataset", "split", name), expected="at least one event"))
    if job.training.bootstrap is not None:
        splits = replace(splits, train=bootstrap(splits.train, job.training.bootstrap))
        logger.info("bootstrap: %s training events drawn", f"{splits.train.rows:,}")
    weighting = make_weighting(job, splits, source)
    prepare = partial(make_batch, tasks=job.tasks, weighting=weighting)
    unlabelled = load_unlabelled(job, source, root) if job.unlabelled else None
    return Data(source, splits, simulated, prepare, unlabelled, weighting, limit)


def describe(source: Source, split: Split, rows: int | None) -> str:
    """Return the description of a source, with how many of its events are read, where that is known, and the fold."""
    text = source.description
    if rows and rows < source.rows and text.startswith(f"{source.rows:,} "):
        text = f"{rows:,} of {text}"
    return text if split.folds is None else f"{text}, fold {split.fold} of {split.folds}"


def load_unlabelled(job: Job, source: Source, root: Path) -> Part:
    """Return a job's states without truth, read as its dataset is.

    Args:
        job: with `unlabelled`.
        source: of its labelled states.
        root: where simulated data lie.

    Raises:
        UserError: the states cannot be read, or lie in another magnet than the labelled ones.
    """
    wanted = job.unlabelled
    try:
        content = job.dataset.dump() | {"files": wanted.files, "simulate": wanted.simulate}  # type: ignore[union-attr]
        content["split"] = {"train": 1.0, "validation": 0.0, "test": 0.0}
        if "truth" in content:
            content["truth"] = False
        spec = DATASETS.parse(content)
        given = spec.options.files
        files = find_files(given, ("files",)) if given else simulated_files(spec, root, ("simulate",))
        states = open_source(spec, files)
        if states.magnet != source.magnet:
            what = "the unlabelled states lie in another magnet than the labelled ones"
            raise UserError(Problem(what, (), expected=str(source.magnet), received=str(states.magnet)))
        part = split(states, spec.options).train
    except UserError as error:
        raise error.under("unlabelled") from None
    logger.info("unlabelled: %s%s", "SIMULATED, " if is_simulated(files[0]) else "", states.description)
    return part


def simulated_files(dataset: Spec[Source], root: Path, place: Place = ("dataset", "simulate")) -> list[Path]:
    """Return the files of a dataset's simulation, made now unless an equal one made them before; `place` is its own."""
    spec = dataset.options.simulate
    folder = simulated_folder(spec, root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(f"cannot be made ({error.strerror})", (str(folder),))) from None
    with locked(folder / ".lock", wait=SIMULATION_WAIT):
        sweep(folder)
        try:
            spec.build(folder)
        except UserError as error:
            raise error.within(*place) from None
    return sorted(folder.glob("shard_*"))


def simulated_folder(spec: Spec[None], root: Path) -> Path:
    """Return the folder of a simulation's shards: equal simulations have one folder."""
    content = {"version": spec.component.facts.version, **spec.dump()}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    return root / f"{spec.name}-{digest}"


def make_batch(events: Events, tasks: Mapping[str, Task], weighting: Weighting | None = None) -> Batch:
    """Return dense inputs, targets (N, T) by task and, with a weighting, the weights (N,) of events."""
    targets = {name: stack_columns(events.columns, task.targets) for name, task in tasks.items()}
    batch = ({name: dense(array) for name, array in events.inputs.items()}, targets)
    return batch if weighting is None else (*batch, weighting(events))


def stack_columns(columns: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the named columns side by side, (N, names) float32."""
    return np.stack([np.asarray(columns[name], np.float32) for name in names], axis=-1)


def first_events(part: Iterable[Events], rows: int) -> Events:
    """Return the first `rows` events of a split, or all where it has fewer."""
    blocks, number = [], 0
    for events in part:
        blocks.append(events[: rows - number])
        number += len(blocks[-1])
        if number >= rows:
            break
    return Events.concatenate(blocks)


def event_table(events: Events, data: Data) -> dict[str, Any]:
    """Return input columns, the extras that a baseline asks for by name, and targets as true_<target>, in float64."""
    table = {
        column: np.asarray(events.inputs[name][:, i], np.float64)
        for name, columns in data.columns.items()
        for i, column in enumerate(columns)
    }
    needed = data.source.extras.keys() & baselines.needed()
    extras = {name: np.asarray(events.columns[name], np.float64) for name in sorted(needed)}
    truth = {f"true_{name}": np.asarray(events.columns[name], np.float64) for name in data.source.targets}
    return extras | table | truth


def baseline_tables(data: Data) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the training and the validation events, at most 100,000 of each, as columns (N,) in float64."""
    tables = []
    for part in (data.splits.train, data.splits.validation):
        blocks, rows = [], 0
        for events in part:  # what else an event holds, e.g. images, is let go block by block
            blocks.append(event_table(events[: ROWS_FOR_BASELINES - rows], data))
            rows += len(events)
            if rows >= ROWS_FOR_BASELINES:
                break
        tables.append({name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]})
    return tables[0], tables[1]
