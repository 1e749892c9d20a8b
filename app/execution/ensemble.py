"""An ensemble: one job that trains several members on their own draws of the events and deploys their mean."""

import logging
from collections.abc import Callable
from dataclasses import replace

from app.config import Job
from app.config.derived_jobs import members
from app.core.files import read_json
from app.core.interruption import check
from app.execution.session import Options, session
from app.execution.single import train_job
from app.runs import directory
from app.runs.directory import RunDirectory
from app.runs.existing import check_same_job
from app.training.checkpoint import Progress

logger = logging.getLogger(__name__)

EXPECTED = "a file of a finished member; --overwrite trains it anew"


def train_ensemble(job: Job, options: Options, progress: Callable[[Progress], None]) -> RunDirectory:
    """Train the members of an ensemble, then build, measure and register their mean; raises what `session` raises."""
    with session(job, options) as run:
        runs = train_members(job, options, progress)
        check()
        from app.runtime import device

        machine = device.prepare(job.seed, options.deterministic)
        from app.data.loading import load_data
        from app.evaluation import load
        from app.execution import results
        from app.execution.tracking import track_run
        from app.layers.ensemble_mean import MEANS, combine_members
        from app.training.build import Networks, facts_of_data
        from app.training.fit import history

        data = load_data(job, options.limit)
        check()
        names, models = [member.name for member in runs], [load(str(member.path)).model for member in runs]
        means = {
            name: next((step.name for step in task.transform if step.name in MEANS), "values")
            for name, task in job.tasks.items()
        }
        mean = combine_members(dict(zip(names, models, strict=True)), means)
        bootstrap = job.ensemble is not None and job.ensemble.bootstrap
        drawn = "each trained on its own draw of the events" if bootstrap else "trained on the same events"
        description = f"{len(runs)} of {job.model.name}, {drawn}"
        normalization = {"columns": data.columns, "members": names, **facts_of_data(data)}
        networks = Networks(mean, mean, None, normalization, data.prepare, description)
        results.describe_run(job, run, data, networks, machine)
        with track_run(job, run):
            seconds = sum(read_json(member.history, EXPECTED)["training_time"] for member in runs)
            metrics = {member.name: read_json(member.metrics, EXPECTED) for member in runs}
            results.measure_and_register(job, run, data, networks, history(Progress(seconds=seconds)), metrics)
    return run


def train_members(job: Job, options: Options, progress: Callable[[Progress], None]) -> list[RunDirectory]:
    """Train the members that are not trained yet, one after the other, and return the runs of all.

    Members are runs of their own: they may have been trained elsewhere before, by their own job files.
    """
    runs = list[RunDirectory]()
    for member in members(job):
        run = directory.of(member.name)
        if options.resume and run.metrics.exists():
            check_same_job(member, run)
            logger.info("%s is trained already", member.name)
        else:
            run = train_job(member, replace(options, origin=None) if runs else options, progress)
        runs.append(run)
    return runs
