"""From a job file to jobs in a pool: checked as the worker will check them, registered, then submitted."""

from __future__ import annotations

import json
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
from app.core.errors import Problem, UserError
from app.core.files import REPOSITORY
from app.data.loading import data_root
from app.runs import directory
from app.runs.record import facts_of
from app.runs.resume import check_same_job
from jobs import submission
from jobs.pool import Pool
from jobs.resources import Resources, megabytes
from jobs.submission import Index, Submission
from jobs.submit_description import Request, write
from registry import State

IN_THE_POOL = ("queued", "idle", "running", "evicted", "held", "resubmitted")


@dataclass(frozen=True)
class Batch:
    """Jobs that ask for the same: one cluster."""

    jobs: tuple[Job, ...]
    memory: Mapping[str, int]


@dataclass(frozen=True)
class Submitted:
    """A cluster in the pool."""

    submission: Submission
    cluster: int
    runs: tuple[str, ...]


def batches(jobs: Sequence[Job], memory: Mapping[str, int]) -> list[Batch]:
    """Sort jobs into clusters: a submit description says one thing for all of its processes, but for the memory."""
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
    mistakes: list[Problem] = []
    for job in with_members(jobs):
        try:
            _refuse_known(job, resume)
        except UserError as error:
            mistakes += error.problems
    if mistakes:
        raise UserError(*mistakes)


def _refuse_known(job: Job, resume: bool) -> None:
    run, root = directory.of(job.name), registry.root()
    record, expected = registry.find(root, job.name), "another name, or --resume to go on with that run"
    where = (str(root / "runs" / f"{job.name}.json"),)
    if run.exists and not resume:
        raise UserError(Problem("the run exists already", (str(run.path),), expected=expected, received=job.name))
    if record is not None and not resume:
        raise UserError(
            Problem("a run of this name is registered already", where, expected=expected, received=job.name)
        )
    if record is not None and record.state in IN_THE_POOL:
        expected = "a run that has ended; see wirechamber status"
        raise UserError(Problem(f"this run is {record.state}", where, expected=expected, received=job.name))
    if run.exists:
        check_same_job(job, run)
    if job.hyperopt is not None and job.hyperopt.workers > 1 and job.resources.transfer:
        place = (job.name, "resources", "transfer")
        raise UserError(
            Problem("the workers of a search share its folder", place, expected="false, or one worker", received=True)
        )


def prepare(batch: Batch, stem: str, folder: Path, version: tuple[int, ...]) -> Submission:
    """Write the folder of a submission."""
    made = submission.make(folder.resolve(), stem)
    try:
        write(made, request_of(batch, version))
        for job in batch.jobs:
            # Not flushed to disk one by one, which takes seconds for hundreds: a crash before submission loses nothing.
            made.job(job.name).write_text(json.dumps(job.dump(), indent=2), encoding="utf-8")
    except BaseException:
        made.remove()
        raise
    return made


def request_of(batch: Batch, version: tuple[int, ...]) -> Request:
    """Return what a batch asks of the pool."""
    found = request(batch.jobs[0].resources, batch.memory, batch.jobs, version)
    return replace(found, workers=workers_of(batch.jobs))


def workers_of(jobs: Sequence[Job]) -> dict[str, int]:
    """Return how many processes work on each search: any number may take trials from its folder."""
    return {job.name: job.hyperopt.workers for job in jobs if job.hyperopt is not None}


def request(
    resources: Resources,
    memory: Mapping[str, int],
    jobs: Sequence[Job],
    version: tuple[int, ...],
    words: Sequence[str] = (),
) -> Request:
    """Return what processes ask of the pool, with the variables that `jobs` name; `words` of another verb than run."""
    runs = directory.runs_root().resolve()
    roots = {
        "WIRECHAMBER_RUNS": str(runs),
        "WIRECHAMBER_REGISTRY": str(registry.root().resolve()),
        "WIRECHAMBER_DATA": str(data_root().resolve()),
    }
    variables = roots | _variables(jobs)
    return Request(resources, memory, REPOSITORY, runs, sys.executable, variables, version, tuple(words))


def _variables(jobs: Sequence[Job]) -> dict[str, str]:
    """The environment variables that stand in the paths of the jobs: the worker needs them too."""
    named = {name for job in jobs for name in re.findall(r"\$\{(\w+)\}", str(job.dump()))}
    return {name: os.environ[name] for name in sorted(named) if name in os.environ}


def send(
    batch: Batch, prepared: Submission, pool: Pool, config: Path, commit: Any, state: State = "queued"
) -> Submitted:
    """Register the runs as queued and submit them; where the pool says no, everything is as it was."""
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
    prepared.submitted(
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
    """Write into the registry that the runs of a batch are on their way; `before` is what stands there."""
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
