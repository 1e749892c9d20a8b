"""A single training: one job from its data to its registered result."""

from __future__ import annotations

import logging
from collections.abc import Callable

import registry
from app.config import Job
from app.execution.session import Options, session
from app.runs.directory import RunDirectory
from app.training.checkpoint import Progress

logger = logging.getLogger(__name__)


def train_job(job: Job, options: Options, progress: Callable[[Progress], None] = lambda _: None) -> RunDirectory:
    """Train, measure and register one job that is neither a search nor an ensemble; raises what `session` raises."""
    with session(job, options) as run:
        _train_and_measure(job, run, options, progress)
    return run


def _train_and_measure(job: Job, run: RunDirectory, options: Options, progress: Callable[[Progress], None]) -> None:
    from app.execution import results
    from app.runtime import device

    where = device.prepare(job.seed, options.deterministic)
    from app.data.loading import load_data
    from app.execution.tracking import track_run
    from app.training.build import build
    from app.training.fit import train

    logger.info("%s on %s", job.name, where)
    data = load_data(job, options.limit)
    device.prepare(job.seed, options.deterministic)
    built = build(job, data)
    results.describe(job, run, data, built, where)
    root = registry.root()

    with track_run(job, run) as tracking:

        def report(state: Progress) -> None:
            registry.update(root, job.name, epoch=state.epoch)
            tracking.epochs(state.train, state.val)
            progress(state)

        history = train(job, data, built, run, resume=options.resume, report=report, until=options.until)
        if options.test:
            results.measure_and_register(job, run, data, built, history)
        else:
            results.keep(job, run, built, history)
