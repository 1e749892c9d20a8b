"""The data of a job: read or simulated, split, and turned into batches."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.config import Job, Task
from app.core.catalog import Spec
from app.core.errors import Problem, UserError, unknown
from app.core.files import matching
from app.core.lock import locked
from app.core.system import roots
from app.data.weighting import Weighting, make_weighting
from datasets import DATASETS
from datasets.pipeline.arrays import dense
from datasets.pipeline.batches import Batch
from datasets.pipeline.events import Events, Source
from datasets.pipeline.split import Part, Splits, bootstrap, split

logger = logging.getLogger(__name__)

SIMULATION_WAIT = 24 * 3600.0


@dataclass(frozen=True)
class Data:
    """The events of a job, where they come from, and how they become batches; `unlabelled` has none but inputs."""

    source: Source
    splits: Splits
    simulated: bool
    prepare: Callable[[Events], Batch]
    unlabelled: Part | None = None
    weighting: Weighting | None = None

    @property
    def columns(self) -> dict[str, list[str]]:
        """Names of the columns of each flat input."""
        return {name: [c.name for c in i.columns] for name, i in self.source.inputs.items() if i.flat}


def data_root() -> Path:
    """Return the folder of simulated data: $WIRECHAMBER_DATA, else data/ in the repository."""
    return roots().data


def load_data(job: Job, limit: int | None = None, root: Path | None = None) -> Data:
    """Read (or first simulate) the job's data and split them.

    Args:
        job: the job.
        limit: at most so many events in each split.
        root: where simulated data lie, in place of `data_root()`.
    """
    options = job.dataset.options
    files = (
        matching(options.files, ("dataset", "files"))
        if options.files
        else simulated_files(job.dataset, root or data_root())
    )
    source = job.dataset.build(files)
    _check_targets(job, source)
    logger.info("data: %s%s", "SIMULATED, " if options.simulate else "", source.description)
    splits = split(source, options, limit)
    counts = [f"{name} {getattr(splits, name).rows:,}" for name in ("train", "validation", "test")]
    logger.info("split: %s", ", ".join(counts))
    _check_parts(splits)
    if job.training.bootstrap is not None:
        splits = replace(splits, train=bootstrap(splits.train, job.training.bootstrap))
        logger.info("bootstrap: %s training events drawn", f"{splits.train.rows:,}")
    weighting = make_weighting(job, splits, source)
    prepare = partial(_prepare, tasks=job.tasks, weighting=weighting)
    unlabelled = _unlabelled(job, source, root or data_root()) if job.unlabelled else None
    return Data(source, splits, options.simulate is not None, prepare, unlabelled, weighting)


def _unlabelled(job: Job, source: Source, root: Path) -> Part:
    """Return the states without truth, read as the job's dataset is; they must lie in the same magnet."""
    wanted = job.unlabelled
    try:
        content = job.dataset.dump() | {"files": wanted.files, "simulate": wanted.simulate}  # type: ignore[union-attr]
        content["split"] = {"train": 1.0, "validation": 0.0, "test": 0.0}
        if "truth" in content:
            content["truth"] = False
        spec = DATASETS.parse(content)
        files = matching(spec.options.files, ("files",)) if spec.options.files else simulated_files(spec, root)
        found = spec.build(files)
        if found.magnet != source.magnet:
            what = "the unlabelled states lie in another magnet than the labelled ones"
            raise UserError(Problem(what, (), expected=str(source.magnet), received=str(found.magnet)))
        part = split(found, spec.options).train
    except UserError as error:
        raise error.under("unlabelled") from None
    logger.info("unlabelled: %s%s", "SIMULATED, " if spec.options.simulate else "", found.description)
    return part


def simulated_files(dataset: Spec[Source], root: Path) -> list[Path]:
    """Return the files of a dataset's simulation, made now unless an equal one made them before."""
    spec = dataset.options.simulate
    folder = simulated_folder(spec, root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(f"cannot be made ({error.strerror})", (str(folder),))) from None
    with locked(folder / ".lock", wait=SIMULATION_WAIT):
        spec.build(folder)
    return sorted(folder.glob("shard_*"))


def simulated_folder(spec: Spec[None], root: Path) -> Path:
    """Return the folder of a simulation's shards: equal simulations have one folder."""
    content = {"version": spec.component.facts.version, **spec.dump()}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    return root / f"{spec.name}-{digest}"


def _check_targets(job: Job, source: Source) -> None:
    for name, task in job.tasks.items():
        for position, target in enumerate(task.targets):
            if target not in source.targets:
                where = ("tasks", name, "targets", position)
                raise UserError(unknown("target", target, list(source.targets), where))


def _check_parts(splits: Splits) -> None:
    for name in ("train", "validation", "test"):
        if not getattr(splits, name).rows:
            raise UserError(Problem("the split is empty", ("dataset", "split", name), expected="at least one event"))


def _prepare(events: Events, tasks: Mapping[str, Task], weighting: Weighting | None = None) -> Batch:
    targets = {name: stacked(events.columns, task.targets) for name, task in tasks.items()}
    batch = ({name: dense(array) for name, array in events.inputs.items()}, targets)
    return batch if weighting is None else (*batch, weighting(events))


def stacked(columns: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the named columns side by side, (N, names) float32."""
    return np.stack([np.asarray(columns[name], np.float32) for name in names], axis=-1)
