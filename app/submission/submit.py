"""Jobs into a pool: checked as the worker will check them, registered and submitted."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import registry
from app.config import Job
from app.config.derived_jobs import with_members
from app.core import interruption
from app.core.errors import Problem, UserError
from app.core.files import REPOSITORY, base
from app.core.system import roots
from app.runs import directory
from app.runs.existing import refuse_existing, refuse_registered
from app.runs.record import facts_of
from jobs.pool import Pool
from jobs.resources import Resources, megabytes
from jobs.submission import Index, Submission, make_submission
from jobs.submit_description import Request, write
from registry import State

GRACE = 60.0
"""Seconds that a pool has to answer when a signal comes while it is given jobs, which are written down then."""


@dataclass(frozen=True)
class Batch:
    """Jobs with the same resources except the memory [MiB]: one cluster."""

    jobs: tuple[Job, ...]
    memory: Mapping[str, int]


@dataclass(frozen=True)
class Submitted:
    """A cluster in the pool."""

    submission: Submission
    cluster: int
    runs: tuple[str, ...]


def batches(jobs: Sequence[Job], memory: Mapping[str, int]) -> list[Batch]:
    """Group jobs into clusters: all processes of a submit description have the same resources except the memory."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        asked = job.resources.model_copy(update={"request_memory": None})
        groups.setdefault(asked.model_dump_json(), []).append(job)
    return [Batch(tuple(group), {job.name: memory[job.name] for job in group}) for group in groups.values()]


def asked_memory(job: Job) -> int | None:
    """Return the MiB that a job asks for itself."""
    return megabytes(job.resources.request_memory) if job.resources.request_memory else None


def refuse_known(jobs: Sequence[Job], resume: bool) -> None:
    """Raise UserError where a run of such a name exists already, or, resumed, is another job or in the pool."""
    jobs = with_members(jobs)
    refuse_existing(jobs, resume=resume)
    refuse_registered(jobs, resume=resume)
    shared = [job for job in jobs if job.hyperopt and job.hyperopt.workers > 1 and job.resources.transfer]
    if shared:
        what, expected = "the workers of a search share its folder", "false, or one worker"
        places = [(job.name, "resources", "transfer") for job in shared]
        raise UserError(*(Problem(what, place, expected=expected, received=True) for place in places))


def prepare(batch: Batch, stem: str, folder: Path, version: tuple[int, ...]) -> Submission:
    """Write the folder of a submission."""
    submission = make_submission(folder.resolve(), stem)
    try:
        write(submission, request_of(batch, version))
        for job in batch.jobs:
            # Not flushed to disk one by one, which takes seconds for hundreds: a crash before submission loses nothing.
            with submission.job(job.name).open("wb") as file:
                job.write_complete(file)
    except BaseException:
        submission.remove()
        raise
    return submission


def request_of(batch: Batch, version: tuple[int, ...]) -> Request:
    """Return what a batch asks of the pool; any number of processes may take trials from the folder of a search."""
    workers = {job.name: job.hyperopt.workers for job in batch.jobs if job.hyperopt is not None}
    return replace(request(batch.jobs[0].resources, batch.memory, batch.jobs, version), workers=workers)


def request(
    resources: Resources,
    memory: Mapping[str, int],
    jobs: Sequence[Job],
    version: tuple[int, ...],
    arguments: Sequence[str] = (),
) -> Request:
    """Return what processes ask of the pool.

    The environment has the variables in the paths of `jobs`, which the worker needs too. `arguments` are those of
    another command than run.
    """
    runs = directory.runs_root().resolve()
    named = {name for job in jobs for name in re.findall(r"\$\{(\w+)\}", str(job.dump()))}
    environment = roots().environment | {name: os.environ[name] for name in sorted(named) if name in os.environ}
    return Request(
        resources=resources,
        memory=memory,
        program=REPOSITORY,
        start=base(),
        runs=runs,
        python=sys.executable,
        environment=environment,
        version=version,
        arguments=tuple(arguments),
    )


@interruption.orderly(grace=GRACE)
def send(
    batch: Batch, prepared: Submission, pool: Pool, config: Path, commit: Any, state: State = "queued"
) -> Submitted:
    """Register the runs as queued and submit them; where the pool refuses, everything is as it was."""
    root = registry.root()
    before = {job.name: registry.find(root, job.name) for job in batch.jobs}
    try:
        directory.runs_root().mkdir(parents=True, exist_ok=True)
        register(batch, before, config, commit, state)
        cluster = pool.submit(prepared.description)
    except BaseException:
        registry.restore(root, before)
        prepared.remove()
        raise
    asked, runs = batch.jobs[0].resources, tuple(request_of(batch, pool.version).processes)
    prepared.write_index(
        Index(
            cluster=cluster,
            runs=runs,
            memory=tuple(batch.memory[run] for run in runs),
            max_retries=asked.max_retries,
            transfer=asked.transfer,
        )
    )
    return Submitted(prepared, cluster, runs)


def register(
    batch: Batch, before: Mapping[str, registry.Record | None], config: Path, commit: Any, state: State
) -> None:
    """Write into the registry that the runs of a batch are on their way; `before` are their present records."""
    records = []
    for job in batch.jobs:
        facts = facts_of(job, config, commit)
        facts |= {"state": state, "reason": "", "host": "", "job_id": None}
        facts["resources"] = job.resources.model_dump(mode="json", exclude_defaults=True) | {
            "request_memory": f"{batch.memory[job.name]}MB"
        }
        known = before[job.name]
        if known is not None:
            facts = dict(known) | facts | {"config": known.config or facts["config"], "finished": None}
        records.append(registry.Record.model_validate({"run": job.name, **facts}))
    registry.create_all(registry.root(), records, replace=any(before.values()))
