"""An ensemble: one job that is several, trained on their own draws of the events, and the one answer of them all."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from app.config import Job, Task
from app.config.derived_jobs import members
from app.core.errors import Problem, UserError
from app.execution.session import Options, session
from app.execution.single import train_job
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runs.existing import check_same_job
from app.training.checkpoint import Progress

logger = logging.getLogger(__name__)

MEANS = ("unit_vector", "circular", "inverse", "log")
"""Transforms behind which values are averaged, see app/layers/ensemble_mean.py."""


def train_members(job: Job, options: Options, progress: Callable[[Progress], None]) -> list[RunDirectory]:
    """Train what is not trained yet, one member after the other, and return their runs.

    Members are runs of their own: they may have been trained elsewhere before, by their own job files.
    """
    return [_trained(member, options, progress) for member in members(job)]


def _trained(member: Job, options: Options, progress: Callable[[Progress], None]) -> RunDirectory:
    run = directory.of(member.name)
    if options.resume and run.metrics.exists():
        check_same_job(member, run)
        logger.info("%s is trained already", member.name)
        return run
    return train_job(member, options, progress)


def train_ensemble(job: Job, options: Options, progress: Callable[[Progress], None]) -> RunDirectory:
    """Train the members of an ensemble, then make, measure and register their mean; raises what `session` raises."""
    with session(job, options) as run:
        _train_and_combine(job, run, options, progress)
    return run


def _train_and_combine(job: Job, run: RunDirectory, options: Options, progress: Callable[[Progress], None]) -> None:
    """Train the members, and make, measure and register their mean as the model of `run`."""
    runs = train_members(job, options, progress)
    from app.execution import results
    from app.runtime import device

    where = device.prepare(job.seed, options.deterministic)
    from app.data.loading import load_data
    from app.execution.tracking import track_run
    from app.training.fit import history

    data = load_data(job, options.limit)
    built = _combined(job, data, runs)
    results.describe(job, run, data, built, where)
    with track_run(job, run):
        told = history(Progress(seconds=sum(_read(one.history)["training_time"] for one in runs)))
        results.measure_and_register(job, run, data, built, told, {one.name: _read(one.metrics) for one in runs})


def _combined(job: Job, data: Any, runs: Sequence[RunDirectory]) -> Any:
    from app.evaluation import load
    from app.layers.ensemble_mean import combine
    from app.training.build import Networks

    loaded = {run.name: load(str(run.path)) for run in runs}
    model = combine({name: one.model for name, one in loaded.items()}, {n: _mean(t) for n, t in job.tasks.items()})
    drawn = "each trained on its own draw of the events" if job.ensemble.bootstrap else "trained on the same events"  # type: ignore[union-attr]
    figures = {"columns": data.columns, "members": list(loaded)}
    return Networks(model, model, None, figures, data.prepare, f"{len(runs)} of {job.model.name}, {drawn}")


def _mean(task: Task) -> str:
    return next((step.name for step in task.transform if step.name in MEANS), "values")


def _read(path: Any) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        expected = "a file of a finished member; --overwrite trains anew"
        raise UserError(Problem(f"cannot be read ({error})", (str(path),), expected=expected)) from None
    return content
