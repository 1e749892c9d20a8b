"""`wirechamber status`: what became of the runs that were submitted; the registry follows."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import registry
from app.commands._parser import add_logs
from app.runs import directory
from app.runtime.console import console, table
from app.submission.status import describe_hold, follow_registry, gather, one_for_each_run, state_of
from app.workflows.status import gather_workflows, show_workflow
from jobs.connection import connect
from jobs.job_state import JobState
from jobs.pool import Pool, Unreachable
from jobs.submission import submissions_root
from registry.cells import duration

HEADER = ("run", "job", "state", "since", "starts", "evictions", "epoch", "MB used", "MB given", "remark")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--all", action="store_true", help="those that are done as well")
    add_logs(parser)


def execute(options: argparse.Namespace) -> int:
    """Ask the pool, read the event logs, bring the registry up to both, and print it all."""
    folder = options.logs or submissions_root(directory.runs_root())
    pool = reached()
    jobs = gather(folder, pool)
    workflows = gather_workflows(options.logs, pool)
    for workflow in workflows:
        show_workflow(workflow, options.all)
    if not jobs and not workflows:
        console.print(f"nothing was submitted from here ({folder})")
        return 0
    if not jobs:
        return 0
    follow_registry(jobs, pool is not None)
    counting = one_for_each_run(jobs)
    shown = [job for job in jobs if options.all or _state(job) != "done"]
    if shown:
        table(f"jobs in {folder}", HEADER, [_row(job) for job in shown], numbers_from=4)
    for job in jobs:
        if job.explanation is not None:
            console.print(f"{job.run} is held: {describe_hold(job)}")
            console.print(f"  fix: {job.explanation.remedy(job.run)}")
        elif job in counting and job.failed and _state(job) == "failed":
            console.print(f"{job.run} has failed: {_reason(job)}")
            console.print(f"  fix: wirechamber resubmit {job.run}")
    counted = Counter(_state(job) for job in counting)
    console.print(", ".join(f"{number} {state}" for state, number in counted.items()))
    return 0


def reached() -> Pool | None:
    """Return the pool, or None with a line that says that only the event logs speak."""
    try:
        return connect()
    except Unreachable as error:
        console.print(f"{error} What follows comes from the event logs alone.", style="yellow")
        return None


def _row(job: JobState) -> Sequence[str]:
    known, record = job.history, registry.find(registry.root(), job.run)
    epoch = "" if record is None or record.epoch is None else f"{record.epoch}/{record.epochs}"
    if known is None:
        return (job.run, job.number, _state(job), "", "", "", epoch, "", str(job.given), "")
    seconds = (datetime.now(UTC) - known.since).total_seconds()
    return (
        job.run,
        job.number,
        _state(job),
        duration(max(0.0, round(seconds))),
        str(known.starts),
        str(known.evictions),
        epoch,
        str(known.memory or ""),
        str(job.given),
        _remark(job),
    )


def _remark(job: JobState) -> str:
    known = job.history
    if job.failed and _state(job) != "failed":
        return f"this worker: {job.ending}"
    if job.explanation is not None:
        return job.explanation.reason
    if known is not None and known.phase == "running" and known.evictions:
        return "evicted and resumed"
    return ""


def _state(job: JobState) -> str:
    record = registry.find(registry.root(), job.run)
    return record.state if record is not None else state_of(job, "queued")[0]


def _reason(job: JobState) -> str:
    record = registry.find(registry.root(), job.run)
    return record.reason if record is not None and record.reason else job.ending
