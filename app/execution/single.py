"""A single training: one job from its data to its registered result."""

import logging
from collections.abc import Callable

import registry
from app.config import Job
from app.core.interruption import check
from app.execution.session import Options, session
from app.runs.directory import RunDirectory
from app.training.checkpoint import Progress

logger = logging.getLogger(__name__)


def train_job(job: Job, options: Options, progress: Callable[[Progress], None] = lambda _: None) -> RunDirectory:
    """Train, measure and register one job that is neither a search nor an ensemble; raises what `session` raises."""
    with session(job, options) as run:
        from app.runtime import device

        check()
        machine = device.prepare(job.seed, options.deterministic)
        check()
        from app.data.loading import load_data
        from app.execution import results
        from app.execution.event_files import write_events
        from app.execution.tracking import track_run
        from app.training.build import build
        from app.training.fit import train
        from app.training.start import check_start

        logger.info("%s on %s", job.name, machine)
        check_start(job)
        data = load_data(job, options.limit)
        for line in options.origin.describe(data.fingerprint) if options.origin else ():
            logger.info(line)
        check()
        device.prepare(job.seed, options.deterministic)
        networks = build(job, data)
        check()
        results.describe_run(job, run, data, networks, machine)
        root = registry.root()
        with track_run(job, run) as tracking, write_events(job, run) as write_curves:

            def report(state: Progress) -> None:
                registry.update(root, job.name, epoch=state.epoch)
                tracking.send_epochs(state.train, state.val)
                write_curves(state)
                progress(state)

            history = train(job, data, networks, run, resume=options.resume, report=report, until=options.until)
            if options.test:
                results.measure_and_register(job, run, data, networks, history)
            else:
                results.keep_model(job, run, networks, history)
    return run
